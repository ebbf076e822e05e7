import EngineAPI
import Errors
import NIOHTTP1

extension BerthError.Code {
    /// The one place where an error gets its HTTP status.
    var status: HTTPResponseStatus {
        switch self {
        case .invalidArgument: .badRequest
        case .unauthenticated: .unauthorized
        case .permissionDenied: .forbidden
        case .notFound: .notFound
        case .conflict: .conflict
        case .notModified: .notModified
        case .unimplemented: .notImplemented
        case .unavailable: .serviceUnavailable
        case .deadlineExceeded, .internal: .internalServerError
        }
    }
}

extension BerthError {
    /// Any error as one of ours: those of others are faults.
    init(wrapping error: any Error) {
        switch error {
        case let error as BerthError: self = error
        case is CancellationError: self.init(.unavailable, "the request was cancelled", cause: error)
        default: self.init(.internal, "\(error)", cause: error)
        }
    }
}

extension Response {
    /// `{"message":…}` with the error's status; 304 has no body.
    static func failure(_ error: BerthError) -> Response {
        let status = error.code.status
        guard status.mayHaveResponseBody else { return .empty(status) }
        do {
            return try .json(EngineAPI.ErrorResponse(message: error.message), status: status)
        } catch {
            return .empty(status)
        }
    }
}
