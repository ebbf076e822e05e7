public import EngineAPI
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
    public var query: Query
    public var headers: [(name: String, value: String)]
    public var body: Body

    public init(
        _ method: Method, _ path: String, query: Query = Query(), headers: [(name: String, value: String)] = [],
        body: Body = .empty
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// Path and query as they stand in the request line.
    var target: String {
        query.items.isEmpty ? path : path + "?" + query.percentEncoded
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

/// Percent-encoding of paths (RFC 3986).
public enum PercentEncoding {
    private static let hex = Array("0123456789ABCDEF".utf8)

    /// For one path component. `/`, `:` and `@` stay, since image names carry them and the daemon's
    /// routes read the rest of the path as the name.
    public static func path(_ text: String) -> String { encode(text) { "/:@".utf8.contains($0) } }

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
