import Errors
import Glibc
import Linux

/// A user and group, as numbers.
struct Ownership: Hashable, Sendable {
    var user: uid_t
    var group: gid_t

    static let root = Ownership(user: 0, group: 0)

    /// Reads `user[:group]`, names looked up in the root file system's own `/etc/passwd` and `/etc/group`.
    ///
    /// A user name without a group means the user's own group; a number without one, the same number.
    init(_ text: String, root: FileDescriptor) throws(BerthError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let name = parts.first, !name.isEmpty else {
            throw .invalidArgument("invalid user \"\(text)\": expected user[:group]")
        }
        if let number = uid_t(name) {
            user = number
            group = number
        } else {
            guard let fields = Self.fields(of: name, file: "etc/passwd", root), fields.count >= 4,
                let uid = uid_t(fields[2]), let gid = gid_t(fields[3])
            else {
                throw .invalidArgument(
                    "unable to convert uid/gid chown string to host mapping: can't find uid for user \(name): "
                        + "no such user: \(name)")
            }
            user = uid
            group = gid
        }
        guard parts.count == 2, !parts[1].isEmpty else { return }
        if let number = gid_t(parts[1]) {
            group = number
        } else {
            guard let fields = Self.fields(of: parts[1], file: "etc/group", root), fields.count >= 3,
                let gid = gid_t(fields[2])
            else {
                throw .invalidArgument(
                    "unable to convert uid/gid chown string to host mapping: can't find gid for group \(parts[1]): "
                        + "no such group: \(parts[1])")
            }
            group = gid
        }
    }

    init(user: uid_t, group: gid_t) {
        self.user = user
        self.group = group
    }

    /// Whether the text holds names, so that a root file system is needed to read it.
    static func isNumeric(_ text: String) -> Bool {
        text.split(separator: ":").allSatisfy { uid_t($0) != nil }
    }

    private static func fields(of name: String, file: String, _ root: FileDescriptor) -> [Substring]? {
        guard let bytes = try? root.readSmallFile(inRoot: file) else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").lazy
            .map { $0.split(separator: ":", omittingEmptySubsequences: false) }
            .first { $0.first.map(String.init) == name }
    }
}

/// `--chmod`: octal, or symbolic as chmod(1) has it (`u=rwX,go-w`).
struct ModeChange: Sendable {
    private enum Form: Sendable {
        case octal(mode_t)
        case clauses([Clause])
    }
    fileprivate struct Clause: Sendable {
        var who: mode_t
        var operation: Character
        var permissions: Set<Character>
    }

    private let form: Form

    init(_ text: String) throws(SyntaxError) {
        if let octal = mode_t(text, radix: 8) {
            guard octal <= 0o7777 else { throw Self.invalid(text) }
            form = .octal(octal)
            return
        }
        var clauses: [Clause] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            var rest = part
            var who: mode_t = 0
            while let letter = rest.first, let mask = Self.who[letter] {
                who |= mask
                rest.removeFirst()
            }
            guard !rest.isEmpty else { throw Self.invalid(text) }
            while let operation = rest.popFirst() {
                guard "+-=".contains(operation) else { throw Self.invalid(text) }
                let permissions = rest.prefix { "rwxXst".contains($0) }
                rest = rest.dropFirst(permissions.count)
                clauses.append(
                    Clause(who: who == 0 ? 0o777 : who, operation: operation, permissions: Set(permissions)))
            }
        }
        form = .clauses(clauses)
    }

    func apply(to mode: mode_t, isDirectory: Bool) -> mode_t {
        switch form {
        case .octal(let value): return value
        case .clauses(let clauses):
            return clauses.reduce(mode & 0o7777) { mode, clause in
                let bits = clause.bits(for: mode, isDirectory: isDirectory)
                switch clause.operation {
                case "+": return mode | bits
                case "-": return mode & ~bits
                default: return mode & ~clause.who | bits
                }
            }
        }
    }

    private static let who: [Character: mode_t] = ["u": 0o700, "g": 0o070, "o": 0o007, "a": 0o777]

    private static func invalid(_ text: String) -> SyntaxError {
        SyntaxError(
            "invalid chmod parameter: '\(text)'. it should be octal string and between 0 and 07777, or symbolic")
    }
}

extension ModeChange.Clause {
    fileprivate func bits(for mode: mode_t, isDirectory: Bool) -> mode_t {
        var bits: mode_t = 0
        for permission in permissions {
            switch permission {
            case "r": bits |= 0o444 & who
            case "w": bits |= 0o222 & who
            case "x": bits |= 0o111 & who
            // Execution only where it makes sense: directories, and files that somebody may run.
            case "X" where isDirectory || mode & 0o111 != 0: bits |= 0o111 & who
            case "s":
                if who & 0o700 != 0 { bits |= 0o4000 }
                if who & 0o070 != 0 { bits |= 0o2000 }
            case "t": bits |= 0o1000
            default: break
            }
        }
        return bits
    }
}
