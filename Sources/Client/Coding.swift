import Errors
import FoundationEssentials

extension EngineClient {
    /// Decodes a body of the daemon.
    public static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw BerthError.internal("the daemon's answer is not what was asked for: \(error)", cause: error)
        }
    }

    static func encode(_ value: some Encodable) throws -> EngineRequest.Body {
        .bytes(Array(try JSONEncoder().encode(value)), contentType: "application/json")
    }

    /// Sends a request and decodes the whole answer.
    public func value<Value: Decodable>(
        _ request: EngineRequest, as type: Value.Type = Value.self
    ) async throws -> Value {
        try Self.decode(type, from: try await perform(request).body.collect())
    }

    /// Sends a request whose answer has no content of interest.
    /// - Returns: the status: `304` tells that nothing had to be done.
    @discardableResult
    public func send(_ request: EngineRequest) async throws -> Int {
        let response = try await perform(request)
        _ = try await response.body.collect()
        return response.status
    }

    /// The whole answer as text, as the daemon wrote it.
    public func bytes(_ request: EngineRequest) async throws -> [UInt8] {
        try await perform(request).body.collect()
    }
}
