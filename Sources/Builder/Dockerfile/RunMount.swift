/// One `RUN --mount=…`, expanded.
struct RunMount: Hashable, Sendable {
    enum Kind: String, Sendable, CaseIterable { case bind, cache, tmpfs, secret, ssh }
    enum Sharing: String, Sendable, CaseIterable { case shared, `private`, locked }

    var kind = Kind.bind
    var id: String?
    /// A stage, an image, or nil for the build context.
    var from: String?
    var source: String?
    var target: String?
    /// Secrets: also put the value into this environment variable.
    var variable: String?
    var isReadOnly: Bool?
    var isRequired = false
    var sharing = Sharing.shared
    var mode: UInt32?
    var user: UInt32?
    var group: UInt32?
    /// tmpfs: bytes.
    var size: Int64?

    /// Parses the value of `--mount`; `expand` replaces variables in each value.
    init(_ text: String, expand: (String) throws(SyntaxError) -> String) throws(SyntaxError) {
        for field in Self.fields(text) {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let key = parts[0].lowercased()
            try set(key, parts.count == 2 ? try expand(parts[1]) : nil, field)
        }
        try validate()
    }

    /// What can be said without knowing variables.
    static func check(_ text: String) throws(SyntaxError) {
        if text.contains("$") {
            if from(text)?.contains("$") == true {
                throw SyntaxError("'from' doesn't support variable expansion, define alias stage instead")
            }
            return
        }
        _ = try RunMount(text) { (value) throws(SyntaxError) in value }
    }

    /// The `from` of a mount that is not expanded yet: it may not hold variables.
    static func from(_ text: String) -> String? {
        fields(text).first { $0.lowercased().hasPrefix("from=") }.map { String($0.dropFirst(5)) }
    }

    /// Comma-separated; a field in double quotes may hold commas.
    private static func fields(_ text: String) -> [String] {
        var fields: [String] = [""]
        var isQuoted = false
        for character in text {
            switch character {
            case "\"": isQuoted.toggle()
            case "," where !isQuoted: fields.append("")
            default: fields[fields.count - 1].append(character)
            }
        }
        return fields
    }

    private mutating func set(_ key: String, _ value: String?, _ field: String) throws(SyntaxError) {
        switch key {
        case "readonly", "ro": isReadOnly = try Self.bool(key, value)
        case "readwrite", "rw": isReadOnly = try !Self.bool(key, value)
        case "required":
            guard kind == .secret || kind == .ssh else { throw Self.unexpected(key, kind) }
            isRequired = try Self.bool(key, value)
        default:
            guard let value else { throw SyntaxError("invalid field '\(field)' must be a key=value pair") }
            try set(key, to: value, field)
        }
    }

    private mutating func set(_ key: String, to value: String, _ field: String) throws(SyntaxError) {
        switch key {
        case "type": kind = try Self.named(value, "mount type")
        case "from": from = value.isEmpty ? nil : value
        case "source", "src": source = value
        case "target", "dst", "destination": target = value
        case "id": id = value
        case "sharing": sharing = try Self.named(value, "sharing value")
        case "env": variable = value
        case "size":
            guard kind == .tmpfs else { throw Self.unexpected(key, kind) }
            guard let bytes = parseSize(value) else { throw SyntaxError("invalid value for size: \(value)") }
            size = bytes
        case "mode":
            guard let number = UInt32(value, radix: 8) else { throw SyntaxError("invalid value \(value) for mode") }
            mode = number
        case "uid", "gid":
            guard let number = UInt32(value) else { throw SyntaxError("invalid value \(value) for \(key)") }
            if key == "uid" { user = number } else { group = number }
        default: throw SyntaxError("unexpected key '\(key)' in '\(field)'")
        }
    }

    private func validate() throws(SyntaxError) {
        if kind == .bind || kind == .tmpfs {
            for (name, value) in [("mode", mode), ("uid", user), ("gid", group)] where value != nil {
                throw SyntaxError("\(name) not allowed for \"\(kind.rawValue)\" type mounts")
            }
        }
        switch kind {
        case .secret:
            if from != nil { throw SyntaxError("secret mount should not have a from") }
            if source != nil, id != nil { throw SyntaxError("both source and id can't be set") }
            if source == nil, id == nil, target == nil {
                throw SyntaxError("invalid secret mount. one of source, target required")
            }
        case .bind, .cache, .tmpfs:
            if target?.isEmpty ?? true { throw SyntaxError("\(kind.rawValue) mount needs a target: target=/path") }
        case .ssh:
            throw SyntaxError("RUN --mount=type=ssh is not offered by this builder: pass a key as a secret instead")
        }
    }

    private static func bool(_ key: String, _ value: String?) throws(SyntaxError) -> Bool {
        guard let value else { return true }
        guard let result = parseBool(value) else { throw SyntaxError("invalid value for \(key): \(value)") }
        return result
    }

    private static func unexpected(_ key: String, _ kind: Kind) -> SyntaxError {
        SyntaxError("unexpected key '\(key)' for mount type '\(kind.rawValue)'")
    }

    private static func named<Value: RawRepresentable & CaseIterable>(
        _ text: String, _ what: String
    ) throws(SyntaxError) -> Value where Value.RawValue == String {
        if let value = Value(rawValue: text.lowercased()) { return value }
        let names = Value.allCases.map(\.rawValue)
        let hint = suggestion(for: text, among: names).map { " (did you mean \($0)?)" } ?? ""
        throw SyntaxError("unsupported \(what) \"\(text)\"\(hint)")
    }
}

/// Docker's sizes: `64m`, `1.5GiB`, `100`; powers of 1024. Nil if it is none.
func parseSize(_ text: String) -> Int64? {
    let text = text.trimmingSpaces().lowercased()
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let value = Double(number), value >= 0 else { return nil }
    var unit = text.dropFirst(number.count).drop { $0 == " " }
    if unit.hasSuffix("b") { unit.removeLast() }
    if unit.hasSuffix("i") { unit.removeLast() }
    let shifts: [Substring: Int] = ["": 0, "k": 10, "m": 20, "g": 30, "t": 40, "p": 50]
    guard let shift = shifts[unit], value * Double(1 << shift) < 9e18 else { return nil }
    return Int64(value * Double(1 << shift))
}
