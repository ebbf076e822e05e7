import AsyncHTTPClient
import Errors
import FoundationEssentials
import NIOCore
import NIOHTTP1
public import OCI

/// The client's side of registries (OCI distribution specification 1.1): one for a daemon. It keeps
/// connections, tokens, and what it learned of servers.
public final class RegistryClient: Sendable {
    let transport: Transport
    let authorizer: Authorizer

    public init(_ settings: RegistrySettings) {
        transport = Transport(settings)
        authorizer = Authorizer(transport)
    }

    /// Ends the connections. Nothing may be under way.
    public func shutDown() async { await transport.shutDown() }

    /// A repository in its registry, as this user.
    public func repository(_ reference: Reference, _ credentials: RegistryCredentials? = nil) -> RemoteRepository {
        RemoteRepository(client: self, registry: reference.registry, name: reference.repository, credentials)
    }

    /// Checks credentials.
    /// - Parameter registry: as users write it: a host, `host:port`, or an address of Docker Hub.
    /// - Returns: a token that lasts, where the registry gives one in the place of a password.
    /// - Throws: `unauthenticated` for wrong ones, `unavailable` when the registry does not answer.
    public func logIn(to registry: String, _ credentials: RegistryCredentials) async throws -> String? {
        let name = Self.name(of: registry)
        let endpoint = transport.settings.server(of: name)
        do {
            let url = try await transport.base(of: endpoint) + "/v2/"
            let first = try await transport.send(HTTPClientRequest(url: url))
            try? await first.discard()
            guard first.status == .unauthorized else {
                guard first.status == .ok else {
                    throw RegistryProblem(status: first.status, body: []).error("login attempt to \(url) failed")
                }
                return nil
            }
            switch Challenge.best(of: first.headers["WWW-Authenticate"]) {
            case .basic?:
                guard case .password(let user, let password) = credentials else {
                    throw BerthError(.unauthenticated, "the registry \(name) takes a user name and a password")
                }
                var request = HTTPClientRequest(url: url)
                request.headers.add(name: "Authorization", value: Authorizer.basic(user, password))
                let second = try await transport.send(request)
                try? await second.discard()
                guard second.status == .ok else {
                    throw BerthError(
                        .unauthenticated, "login attempt to \(url) failed with status: \(second.status)")
                }
                return nil
            case .bearer(let realm, let service, let scope)?:
                return try await authorizer.token(
                    realm: realm, service: service, scope: scope ?? "", credentials, offline: true
                ).refreshToken
            case nil:
                throw BerthError.unavailable("the registry \(name) asks for credentials of a kind that is not known")
            }
        } catch let error as TransportError {
            throw BerthError(reaching: name, error)
        }
    }

    /// A registry's name from what a user typed to `login`.
    static func name(of text: String) -> String {
        let rest = text.firstRange(of: "://").map { text[$0.upperBound...] } ?? text[...]
        let host = rest.split(separator: "/").first.map(String.init) ?? text
        return ["index.docker.io", "registry-1.docker.io"].contains(host) ? "docker.io" : host
    }
}

/// One repository of a registry, as one user.
public struct RemoteRepository: Sendable {
    let client: RegistryClient
    public let registry: String
    /// Path within the registry.
    public let name: String
    let credentials: RegistryCredentials?

    init(client: RegistryClient, registry: String, name: String, _ credentials: RegistryCredentials?) {
        self.client = client
        self.registry = registry
        self.name = name
        self.credentials = credentials
    }

    enum Access: String { case pull, push = "pull,push" }

    /// Where to look, in order.
    var endpoints: [RegistryEndpoint] { client.transport.settings.endpoints(of: registry) }
    var server: RegistryEndpoint { client.transport.settings.server(of: registry) }

    /// A repository's path in URLs.
    func path(_ rest: String) -> String { "/v2/\(name)/\(rest)" }

    /// What a request may do, for tokens: here, and in other repositories.
    func scope(_ access: Access, alsoPulling others: [String] = []) -> String {
        (["repository:\(name):\(access.rawValue)"] + others.map { "repository:\($0):pull" }).joined(separator: " ")
    }

    /// Sends one request, answering a challenge once. Idempotent ones are tried again when the
    /// connection broke or the server is busy.
    /// - Parameter url: below the endpoint, or whole.
    func send(
        _ method: HTTPMethod, _ url: String, at endpoint: RegistryEndpoint, scope: String,
        headers: HTTPHeaders = [:], body: @Sendable () -> HTTPClientRequest.Body? = { nil }
    ) async throws -> HTTPClientResponse {
        let whole = url.contains("://") ? url : try await client.transport.base(of: endpoint) + url
        // Mirrors are no business of a registry's password.
        let credentials = endpoint == server ? credentials : nil
        var authorization = try await client.authorizer.header(for: endpoint, scope: scope, credentials)
        var isAnswered = false
        var attempt = 0
        while true {
            var request = HTTPClientRequest(url: whole)
            request.method = method
            request.headers = headers
            if let authorization { request.headers.replaceOrAdd(name: "Authorization", value: authorization) }
            request.body = body()
            do {
                let response = try await client.transport.send(request)
                if response.status == .unauthorized, !isAnswered,
                    let challenge = Challenge.best(of: response.headers["WWW-Authenticate"])
                {
                    isAnswered = true
                    try? await response.discard()
                    authorization = try await client.authorizer.header(
                        answering: challenge, of: endpoint, scope: scope, credentials)
                    if authorization != nil { continue }
                    throw BerthError(.unauthenticated, "no basic auth credentials")
                }
                guard Self.isBusy(response.status), method == .GET || method == .HEAD, attempt < Self.attempts else {
                    return response
                }
                try? await response.discard()
                try await Task.sleep(for: Self.pause(attempt, response.headers.first(name: "Retry-After")))
            } catch let error as TransportError {
                guard error.isWorthAnotherTry, method == .GET || method == .HEAD, attempt < Self.attempts else {
                    throw error
                }
                try await Task.sleep(for: Self.pause(attempt, nil))
            }
            attempt += 1
        }
    }

    static let attempts = 4

    private static func isBusy(_ status: HTTPResponseStatus) -> Bool {
        status == .tooManyRequests || (500..<600).contains(status.code) && status != .notImplemented
    }

    /// How long to wait before another try: what the server says, up to half a minute, or longer each time.
    static func pause(_ attempt: Int, _ retryAfter: String?) -> Duration {
        if let seconds = retryAfter.flatMap(Int.init) { return .seconds(min(30, max(0, seconds))) }
        return .milliseconds(250 << min(attempt, 5))
    }

    /// Carries out `body` with errors of the transport told as a registry that cannot be reached.
    func reaching<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as TransportError {
            throw BerthError(reaching: registry, error)
        }
    }

    /// Asks each endpoint in turn; an answer of the last one counts whatever it is.
    func firstAnswer<Value>(
        _ ask: (RegistryEndpoint) async throws -> Value
    ) async throws -> Value {
        var failures: [String] = []
        let all = endpoints
        for endpoint in all.dropLast() {
            do {
                return try await ask(endpoint)
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                failures.append("\(endpoint): \(error)")
            }
        }
        guard let last = all.last else { throw BerthError.internal("no endpoint for the registry \(registry)") }
        do {
            return try await reaching { try await ask(last) }
        } catch var error as BerthError where !failures.isEmpty {
            error.message += " (before that, mirrors failed: \(failures.joined(separator: "; ")))"
            throw error
        }
    }
}
