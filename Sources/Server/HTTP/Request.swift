import EngineAPI
import Errors
import FoundationEssentials
import NIOHTTP1

/// One API request, its path already matched.
struct Request: Sendable {
    let method: HTTPMethod
    let query: Query
    let headers: HTTPHeaders
    let body: RequestBody
    /// The version in the path, or the newest if the path has none.
    let apiVersion: APIVersion
    /// What the route's `{…}` matched, by name.
    var parameters: [String: String] = [:]

    /// The value of a path parameter that the route's pattern is known to have.
    func parameter(_ name: String) throws -> String {
        guard let value = parameters[name], !value.isEmpty else {
            throw BerthError.invalidArgument("the path parameter \"\(name)\" is empty")
        }
        return value
    }

    /// Whether the client asks to switch to a raw stream with a `101`.
    var wantsUpgrade: Bool { headers.contains(name: "Upgrade") }
}

// MARK: - JSON bodies

extension Request {
    /// JSON bodies are small; what is larger is a mistake or an attack.
    private static let maximumJSONLength = 16 << 20

    /// The body, decoded. Throws `invalidArgument` naming the field that has the wrong type.
    func json<Value: Decodable>(_ type: Value.Type = Value.self) async throws -> Value {
        guard let value = try await optionalJSON(type) else {
            throw BerthError.invalidArgument("invalid JSON: got EOF while reading request body")
        }
        return value
    }

    /// The body, decoded; `nil` if it is empty.
    func optionalJSON<Value: Decodable>(_ type: Value.Type = Value.self) async throws -> Value? {
        let bytes = try await collectBody()
        guard !bytes.isEmpty else { return nil }
        try checkContentType()
        guard !Self.hasNUL(bytes) else {
            throw BerthError.invalidArgument("invalid JSON: a string has a NUL character in it")
        }
        do {
            return try JSONDecoder().decode(Optional<Value>.self, from: Data(bytes))
        } catch let error as DecodingError {
            throw BerthError.invalidArgument("invalid JSON: \(error.explanation)", cause: error)
        }
    }

    /// Whether a string of the JSON text has `\u0000`: paths and arguments would end there for the kernel,
    /// but not for our checks.
    private static func hasNUL(_ bytes: [UInt8]) -> Bool {
        var isEscaped = false
        for (index, byte) in bytes.enumerated() {
            guard byte == UInt8(ascii: "\\") || isEscaped else { continue }
            if isEscaped, byte == UInt8(ascii: "u"), bytes[index...].starts(with: Array("u0000".utf8)) { return true }
            isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
        }
        return false
    }

    private func collectBody() async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await piece in body {
            bytes += piece
            guard bytes.count <= Self.maximumJSONLength else {
                throw BerthError.invalidArgument("the request body is larger than \(Self.maximumJSONLength) bytes")
            }
        }
        return bytes
    }

    /// A web page can make a browser send forms and plain text to any address, but not JSON.
    private func checkContentType() throws {
        guard let type = headers.first(name: "Content-Type") else { return }
        let essence = type.prefix { $0 != ";" }.lowercased()
        guard essence == "application/json" else {
            throw BerthError.invalidArgument("unsupported Content-Type header (\(type)): must be 'application/json'")
        }
    }
}

extension DecodingError {
    /// The field and what is wrong with it: `HostConfig.Memory: expected Int64, found a string`.
    var explanation: String {
        switch self {
        case .typeMismatch(let type, let context):
            "\(context.field): expected \(type): \(context.debugDescription)"
        case .valueNotFound(let type, let context):
            "\(context.field): expected \(type), found null"
        case .keyNotFound(let key, let context):
            "\(context.field): the field \"\(key.stringValue)\" is missing"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty ? context.debugDescription : "\(context.field): \(context.debugDescription)"
        @unknown default:
            "\(self)"
        }
    }
}

extension DecodingError.Context {
    fileprivate var field: String {
        let path = codingPath.reduce(into: "") { path, key in
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
        return path.isEmpty ? "request body" : path
    }
}

// MARK: - Credentials

extension Request {
    /// `X-Registry-Auth`: base64url of an `AuthConfig`. What cannot be read counts as no
    /// credentials, as in Docker, since old clients send all sorts of things here.
    var registryAuth: AuthConfig? { decodeHeader("X-Registry-Auth") }

    /// `X-Registry-Config`: base64url of `AuthConfig`s by registry host.
    var registryConfig: [String: AuthConfig] { decodeHeader("X-Registry-Config") ?? [:] }

    private func decodeHeader<Value: Decodable>(_ name: String) -> Value? {
        guard let text = headers.first(name: name), let data = Data(base64URL: text) else { return nil }
        return try? JSONDecoder().decode(Value.self, from: data)
    }
}

extension Data {
    /// Base64 in either alphabet, with or without padding.
    init?(base64URL text: String) {
        var standard = String(
            text.map { character in
                switch character {
                case "-": "+"
                case "_": "/"
                default: character
                }
            })
        standard += String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
        self.init(base64Encoded: standard)
    }
}
