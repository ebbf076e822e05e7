import Linux

/// One call of the Engine API, before it is sent.
public struct EngineRequest: Sendable {
    public enum Method: String, Sendable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
    }

    public var method: Method
    /// The path without a version prefix, its components percent-encoded (`/containers/web/json`).
    public var path: String
    public var query: [(name: String, value: String)]
    public var headers: [(name: String, value: String)]
    public var body: Body

    public init(
        _ method: Method, _ path: String, query: Query = Query(), headers: [(name: String, value: String)] = [],
        body: Body = .empty
    ) {
        self.method = method
        self.path = path
        self.query = query.items
        self.headers = headers
        self.body = body
    }

    /// Path and query as they stand in the request line.
    var target: String {
        guard !query.isEmpty else { return path }
        let pairs = query.map { "\(PercentEncoding.query($0.name))=\(PercentEncoding.query($0.value))" }
        return path + "?" + pairs.joined(separator: "&")
    }
}

/// Query items, of which those without a value are left out.
public struct Query: Sendable {
    public private(set) var items: [(name: String, value: String)] = []

    public init() {}

    public mutating func add(_ name: String, _ value: String?) {
        guard let value else { return }
        items.append((name, value))
    }

    public mutating func add(_ name: String, _ value: Int?) {
        add(name, value.map { String($0) })
    }

    /// `1` when set; left out otherwise, since every flag of the API is off by default.
    public mutating func add(_ name: String, _ value: Bool) {
        if value { add(name, "1") }
    }

    public mutating func add(contentsOf name: String, _ values: [String]) {
        for value in values { add(name, value) }
    }

    /// The `filters` item of list, prune and event calls: `{"label":["a=b"]}`.
    public mutating func add(filters: Filters) {
        if !filters.isEmpty { add("filters", filters.json) }
    }
}

/// Filters of list, prune and event calls, by key.
public struct Filters: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    public private(set) var values: [String: [String]]

    public init(_ values: [String: [String]] = [:]) { self.values = values }
    public init(dictionaryLiteral elements: (String, [String])...) {
        values = Dictionary(elements, uniquingKeysWith: +)
    }

    public var isEmpty: Bool { values.isEmpty }

    public mutating func add(_ key: String, _ value: String) { values[key, default: []].append(value) }

    /// Keys in order, so that equal filters have equal requests.
    var json: String {
        let fields = values.keys.sorted().map { key in
            let list = (values[key] ?? []).map(JSONText.quoted).joined(separator: ",")
            return "\(JSONText.quoted(key)):[\(list)]"
        }
        return "{\(fields.joined(separator: ","))}"
    }
}

extension EngineRequest {
    /// What goes with a request.
    public enum Body: Sendable {
        case empty
        case bytes([UInt8], contentType: String)
        /// Everything that can be read from a descriptor until its end.
        case descriptor(FileDescriptor, contentType: String)
        /// Whatever the closure writes; `write` returns when the kernel took the bytes, which is the back
        /// pressure.
        case stream(contentType: String, @Sendable (BodyWriter) async throws -> Void)
    }
}

enum JSONText {
    /// A JSON string literal (RFC 8259, section 7).
    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case let control where control.value < 0x20:
                let hex = String(control.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

/// Percent-encoding of RFC 3986.
public enum PercentEncoding {
    private static let hex = Array("0123456789ABCDEF".utf8)

    /// For one path component. `/`, `:` and `@` stay, since image names carry them and the daemon's
    /// routes read the rest of the path as the name.
    public static func path(_ text: String) -> String { encode(text) { "/:@".utf8.contains($0) } }

    public static func query(_ text: String) -> String { encode(text) { "/:".utf8.contains($0) } }

    private static func encode(_ text: String, keeping kept: (UInt8) -> Bool) -> String {
        var out: [UInt8] = []
        for byte in text.utf8 {
            if isUnreserved(byte) || kept(byte) {
                out.append(byte)
            } else {
                out += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
