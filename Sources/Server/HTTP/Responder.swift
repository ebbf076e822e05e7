import EngineAPI
import Errors
import Logging
import NIOHTTP1

/// From a request's head to its response: version, route, handler, errors.
struct Responder: Sendable {
    private let router: Router
    private let commonHeaders: HTTPHeaders
    private let logger: Logger

    init(routes: [Route], version: String, logger: Logger) {
        router = Router(routes)
        commonHeaders = [
            "Api-Version": APIVersion.current.description,
            "Docker-Experimental": "false",
            "Ostype": "linux",
            "Server": "Berth/\(version)",
        ]
        self.logger = logger
    }

    /// Never fails: an error is a response too.
    func respond(to head: HTTPRequestHead, body: RequestBody) async -> Response {
        do {
            return withCommonHeaders(try await handle(head, body: body))
        } catch {
            return failure(error, of: head)
        }
    }

    /// The response for an error of `head`'s request, at whatever point it came up.
    func failure(_ error: any Error, of head: HTTPRequestHead) -> Response {
        withCommonHeaders(.failure(report(error, of: head)))
    }

    /// Logs an error of `head`'s request: faults of ours as such, the client's for debugging.
    func report(_ error: any Error, of head: HTTPRequestHead) -> BerthError {
        let wrapped = BerthError(wrapping: error)
        let level: Logger.Level =
            switch wrapped.code {
            case .internal, .deadlineExceeded: .error
            default: .debug
            }
        logger.log(
            level: level, "\(head.method) \(head.uri): \(wrapped.message)",
            metadata: wrapped.cause.map { ["cause": "\($0)"] })
        return wrapped
    }

    private func handle(_ head: HTTPRequestHead, body: RequestBody) async throws -> Response {
        let target = Target(head.uri)
        try checkVersion(target.version)
        // Nothing has such a name, and what the kernel would take of it is something else.
        guard !head.uri.contains("%00"), !target.path.contains(where: { $0.utf8.contains(0) }) else {
            throw BerthError.invalidArgument("the request's path or query has a NUL character in it")
        }
        guard let (handler, parameters) = router.route(head.method, target.path) else {
            throw BerthError.notFound("page not found")
        }
        logger.debug("\(head.method) \(head.uri)")
        return try await handler(
            Request(
                method: head.method, query: target.query, headers: head.headers, body: body,
                apiVersion: target.version ?? .current, parameters: parameters))
    }

    private func checkVersion(_ version: APIVersion?) throws {
        guard let version else { return }
        if version < .minimum {
            throw BerthError.invalidArgument(
                "client version \(version) is too old. Minimum supported API version is \(APIVersion.minimum), "
                    + "please upgrade your client to a newer version")
        }
        if version > .current {
            throw BerthError.invalidArgument(
                "client version \(version) is too new. Maximum supported API version is \(APIVersion.current)")
        }
    }

    private func withCommonHeaders(_ response: Response) -> Response {
        var response = response
        response.headers.add(contentsOf: commonHeaders)
        return response
    }
}
