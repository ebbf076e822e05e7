/// The one error type of Berth.
///
/// The code is closed: every edge (HTTP status, exit code, later gRPC) maps it in one place with an
/// exhaustive switch. The message names the thing and, where there is one, the remedy; it is shown
/// to users as it stands.
public struct BerthError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// The request cannot be carried out as written (HTTP 400).
        case invalidArgument
        /// The named thing does not exist (404).
        case notFound
        /// The request contradicts the present state (409).
        case conflict
        /// Nothing to do: the thing is already so (304).
        case notModified
        /// The caller may not do this (403).
        case permissionDenied
        /// Credentials are missing or wrong (401).
        case unauthenticated
        /// The operation is known but not offered by this engine (501).
        case unimplemented
        /// Something needed is away for now, or this engine is not in a swarm (503).
        case unavailable
        /// A deadline passed (500 on the wire, as Docker has it).
        case deadlineExceeded
        /// A fault of ours or of the host (500).
        case `internal`
    }

    public var code: Code
    public var message: String
    /// What made this happen, for logs; never needed to understand `message`.
    public var cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { message }
}

extension BerthError {
    public static func invalidArgument(_ message: String, cause: (any Error)? = nil) -> BerthError {
        BerthError(.invalidArgument, message, cause: cause)
    }
    public static func notFound(_ message: String, cause: (any Error)? = nil) -> BerthError {
        BerthError(.notFound, message, cause: cause)
    }
    public static func conflict(_ message: String, cause: (any Error)? = nil) -> BerthError {
        BerthError(.conflict, message, cause: cause)
    }
    public static func unavailable(_ message: String, cause: (any Error)? = nil) -> BerthError {
        BerthError(.unavailable, message, cause: cause)
    }
    public static func `internal`(_ message: String, cause: (any Error)? = nil) -> BerthError {
        BerthError(.internal, message, cause: cause)
    }
}
