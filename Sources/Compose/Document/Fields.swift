import Errors
import OrderedCollections

/// Reads a mapping of the document key by key, and rejects the keys that nobody asked for.
///
/// What is asked for is what is allowed, so the list of known keys can never differ from the code
/// that reads them. Keys that start with `x-` are extensions and always allowed.
struct Fields {
    /// The mapping's path as messages show it, such as `services.web`.
    let path: String
    let tree: Tree
    private let entries: OrderedDictionary<String, Tree>
    private var known: OrderedSet<String> = []

    init(_ tree: Tree, _ path: String) throws(BerthError) {
        guard let entries = tree.mapping else { throw tree.invalid("\(path) must be a mapping") }
        self.path = path
        self.tree = tree
        self.entries = entries
    }

    /// The value of a key; nil when it is absent or null.
    mutating func value(_ key: String) -> Tree? {
        known.append(key)
        guard let value = entries[key], !value.isNull else { return nil }
        return value
    }

    /// Whether the key is written at all, even as null.
    mutating func has(_ key: String) -> Bool {
        known.append(key)
        return entries[key] != nil
    }

    /// Reads a key with a decoder of its own, which is given the value and its path.
    mutating func read<Value>(
        _ key: String, _ decode: (Tree, String) throws(BerthError) -> Value
    ) throws(BerthError) -> Value? {
        guard let value = value(key) else { return nil }
        return try decode(value, "\(path).\(key)")
    }

    /// Reads each item of a list.
    mutating func each<Value>(
        _ key: String, _ decode: (Tree, String) throws(BerthError) -> Value
    ) throws(BerthError) -> [Value]? {
        guard let value = value(key) else { return nil }
        return try value.items("\(path).\(key)", decode)
    }

    /// Reads each entry of a mapping; a null entry is given as it is.
    mutating func entries<Value>(
        _ key: String, _ decode: (String, Tree, String) throws(BerthError) -> Value
    ) throws(BerthError) -> OrderedDictionary<String, Value>? {
        guard let value = value(key) else { return nil }
        guard let entries = value.mapping else { throw value.invalid("\(path).\(key) must be a mapping") }
        var result: OrderedDictionary<String, Value> = [:]
        for (name, child) in entries where !name.hasPrefix("x-") {
            result[name] = try decode(name, child, "\(path).\(key).\(name)")
        }
        return result
    }

    mutating func string(_ key: String) throws(BerthError) -> String? {
        try read(key) { t, p throws(BerthError) in try t.asString(p) }
    }
    /// A string where an empty one says nothing, as `${VARIABLE:-}` often leaves behind.
    mutating func text(_ key: String) throws(BerthError) -> String? {
        try string(key).flatMap { $0.isEmpty ? nil : $0 }
    }
    mutating func bool(_ key: String) throws(BerthError) -> Bool? {
        try read(key) { t, p throws(BerthError) in try t.asBool(p) }
    }
    mutating func int(_ key: String) throws(BerthError) -> Int? {
        try read(key) { t, p throws(BerthError) in try t.asInt(p) }
    }
    mutating func double(_ key: String) throws(BerthError) -> Double? {
        try read(key) { t, p throws(BerthError) in try t.asDouble(p) }
    }
    mutating func bytes(_ key: String) throws(BerthError) -> Int64? {
        try read(key) { t, p throws(BerthError) in try t.asBytes(p) }
    }
    mutating func duration(_ key: String) throws(BerthError) -> Duration? {
        try read(key) { t, p throws(BerthError) in try t.asDuration(p) }
    }
    mutating func strings(_ key: String) throws(BerthError) -> [String]? {
        try each(key) { t, p throws(BerthError) in try t.asString(p) }
    }

    /// A list of strings, or one string for a list of one.
    mutating func stringOrList(_ key: String) throws(BerthError) -> [String]? {
        if let text = value(key)?.text { return [text] }
        return try strings(key)
    }

    /// `KEY=VALUE` items or a mapping; nil for a key without a value.
    mutating func keyValues(_ key: String) throws(BerthError) -> OrderedDictionary<String, String?>? {
        try read(key) { t, p throws(BerthError) in try t.asKeyValues(p) }
    }

    /// As `keyValues`, with an empty text for a key without a value.
    mutating func labels(_ key: String) throws(BerthError) -> OrderedDictionary<String, String>? {
        try keyValues(key)?.mapValues { $0 ?? "" }
    }

    /// Rejects keys that were not asked for.
    func finish() throws(BerthError) {
        for (key, value) in entries where !known.contains(key) && !key.hasPrefix("x-") {
            let hint = Spelling.nearest(to: key, among: Array(known)).map { "; did you mean \"\($0)\"?" } ?? ""
            throw value.invalid("\(path) Additional property \(key) is not allowed\(hint)")
        }
    }
}

extension Tree {
    /// An error of validation, with Compose's lead and the place.
    func invalid(_ message: String) -> BerthError {
        guard location.line > 0 else { return .invalidArgument(message) }
        return .invalidArgument("validating \(location.source.file):\(location.line): \(message)")
    }

    func items<Value>(
        _ path: String, _ decode: (Tree, String) throws(BerthError) -> Value
    ) throws(BerthError) -> [Value] {
        guard let items = sequence else { throw invalid("\(path) must be a list") }
        var result: [Value] = []
        for (index, item) in items.enumerated() { result.append(try decode(item, "\(path)[\(index)]")) }
        return result
    }

    func asString(_ path: String) throws(BerthError) -> String {
        guard let text else { throw invalid("\(path) must be a string") }
        return text
    }

    /// Compose also takes what YAML 1.1 takes for a boolean, quoted or not.
    func asBool(_ path: String) throws(BerthError) -> Bool {
        switch text?.lowercased() {
        case "true", "yes", "y", "on", "1": return true
        case "false", "no", "n", "off", "0": return false
        default: throw invalid("\(path) must be a boolean")
        }
    }

    func asInt(_ path: String) throws(BerthError) -> Int {
        guard let text, let value = Values.integer(text) else { throw invalid("\(path) must be an integer") }
        return value
    }

    func asDouble(_ path: String) throws(BerthError) -> Double {
        guard let text, let value = Double(text), value.isFinite else { throw invalid("\(path) must be a number") }
        return value
    }

    func asBytes(_ path: String) throws(BerthError) -> Int64 {
        guard let text, let value = Values.bytes(text) else {
            throw invalid("\(path) must be a size such as 512m or 2g, not \"\(text ?? "")\"")
        }
        return value
    }

    func asDuration(_ path: String) throws(BerthError) -> Duration {
        guard let text, let value = Values.duration(text) else {
            throw invalid("\(path) must be a duration such as 30s or 1m30s, not \"\(text ?? "")\"")
        }
        return value
    }

    func asStrings(_ path: String) throws(BerthError) -> [String] {
        try items(path) { item, path throws(BerthError) in try item.asString(path) }
    }

    func asKeyValues(_ path: String) throws(BerthError) -> OrderedDictionary<String, String?> {
        var result: OrderedDictionary<String, String?> = [:]
        switch content {
        case .mapping(let entries):
            for (key, value) in entries {
                result[key] = value.isNull ? .some(nil) : .some(try value.asString("\(path).\(key)"))
            }
        case .sequence(let items):
            for (index, item) in items.enumerated() {
                let text = try item.asString("\(path)[\(index)]")
                if let equals = text.firstIndex(of: "=") {
                    result[String(text[..<equals])] = .some(String(text[text.index(after: equals)...]))
                } else {
                    result[text] = .some(nil)
                }
            }
        case .null: break
        case .scalar: throw invalid("\(path) must be a mapping or a list")
        }
        return result
    }

    /// A command line: a list as it is, a string split as a shell would.
    func asCommand(_ path: String) throws(BerthError) -> [String] {
        guard let text else { return try asStrings(path) }
        guard let words = ShellWords.split(text) else {
            throw invalid("\(path) has an unterminated quote: \(text)")
        }
        return words
    }

    /// A path of the file system, made absolute against the folder of the file it is written in.
    func asPath(_ path: String) throws(BerthError) -> String {
        FilePath.absolute(try asString(path), from: location.source.directory)
    }
}
