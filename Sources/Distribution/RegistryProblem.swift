import Errors
import FoundationEssentials
import NIOHTTP1

/// A registry's refusal: its status and the first error of its body (distribution specification,
/// "Error Codes").
struct RegistryProblem: Sendable {
    let status: HTTPResponseStatus
    /// Such as `MANIFEST_UNKNOWN`; empty when the body has none.
    let code: String
    let message: String

    private struct Body: Decodable {
        struct Item: Decodable {
            var code: String?
            var message: String?
        }

        var errors: [Item]?
        /// What some servers put in the place of a list.
        var details: String?
        var message: String?
    }

    init(status: HTTPResponseStatus, body: [UInt8]) {
        self.status = status
        let decoded = try? JSONDecoder().decode(Body.self, from: Data(body))
        code = decoded?.errors?.first?.code ?? ""
        message = decoded?.errors?.first?.message ?? decoded?.details ?? decoded?.message ?? ""
    }

    /// As Docker words it: `manifest unknown: manifest unknown`.
    var text: String {
        let name = code.lowercased().split(separator: "_").joined(separator: " ")
        let said = message.isEmpty ? "\(status.code) \(status.reasonPhrase)" : message
        return name.isEmpty ? said : "\(name): \(said)"
    }

    /// The error for a user.
    /// - Parameter task: what was to be done.
    func error(_ task: String) -> BerthError {
        let code: BerthError.Code =
            switch status.code {
            case 401: .unauthenticated
            case 403: .permissionDenied
            case 404: .notFound
            case 400..<500 where status.code != 429: .invalidArgument
            default: .unavailable
            }
        let hint = status == .tooManyRequests ? " (the registry limits requests: log in, wait, or use a mirror)" : ""
        return BerthError(code, "\(task): \(text)\(hint)")
    }
}
