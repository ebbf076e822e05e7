import AsyncHTTPClient
import Errors
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// Answers challenges and remembers what was asked and the tokens got for it.
actor Authorizer {
    private struct TokenKey: Hashable {
        let realm: String
        let service: String?
        let scope: String
        let credentials: RegistryCredentials?
    }

    private struct Token {
        let header: String
        let end: ContinuousClock.Instant
    }

    private let transport: Transport
    private var challenges: [RegistryEndpoint: Challenge] = [:]
    private var tokens: [TokenKey: Token] = [:]

    init(_ transport: Transport) { self.transport = transport }

    /// The header for a request to an endpoint whose challenge is known: so most requests are sent once.
    func header(
        for endpoint: RegistryEndpoint, scope: String, _ credentials: RegistryCredentials?
    ) async throws -> String? {
        guard let challenge = challenges[endpoint] else {
            if case .registryToken(let token) = credentials { return "Bearer \(token)" }
            return nil
        }
        return try await answer(challenge, scope: scope, credentials)
    }

    /// Takes the challenge of a 401.
    /// - Returns: the header to try again with; nil when there is nothing to answer.
    func header(
        answering challenge: Challenge, of endpoint: RegistryEndpoint, scope: String,
        _ credentials: RegistryCredentials?
    ) async throws -> String? {
        challenges[endpoint] = challenge
        // The one that was refused is of no more use.
        if case .bearer(let realm, let service, _) = challenge {
            tokens[TokenKey(realm: realm, service: service, scope: scope, credentials: credentials)] = nil
        }
        return try await answer(challenge, scope: scope, credentials)
    }

    private func answer(
        _ challenge: Challenge, scope: String, _ credentials: RegistryCredentials?
    ) async throws -> String? {
        if case .registryToken(let token) = credentials { return "Bearer \(token)" }
        switch challenge {
        case .basic:
            guard case .password(let user, let password) = credentials else { return nil }
            return Self.basic(user, password)
        case .bearer(let realm, let service, _):
            let key = TokenKey(realm: realm, service: service, scope: scope, credentials: credentials)
            if let token = tokens[key], token.end > .now { return token.header }
            let answer = try await token(realm: realm, service: service, scope: scope, credentials, offline: false)
            let seconds = max(60, answer.expiresIn ?? 60)
            tokens[key] = Token(
                header: "Bearer \(answer.text)", end: .now + .seconds(seconds) - .seconds(min(10, seconds / 2)))
            return "Bearer \(answer.text)"
        }
    }

    static func basic(_ user: String, _ password: String) -> String {
        "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
    }

    // MARK: Tokens

    /// The answer of a token server.
    struct TokenAnswer: Decodable {
        var token: String?
        var accessToken: String?
        /// Seconds.
        var expiresIn: Int?
        var refreshToken: String?

        enum CodingKeys: String, CodingKey {
            case token
            case accessToken = "access_token"
            case expiresIn = "expires_in"
            case refreshToken = "refresh_token"
        }

        var text: String { token ?? accessToken ?? "" }
    }

    /// Asks a token server.
    /// - Parameter offline: asks for a token that lasts, too.
    func token(
        realm: String, service: String?, scope: String, _ credentials: RegistryCredentials?, offline: Bool
    ) async throws -> TokenAnswer {
        let (scheme, authority) = Transport.parts(of: realm)
        if credentials != nil, scheme != "https", !transport.settings.isInsecure(authority) {
            throw BerthError.invalidArgument(
                "the registry wants the password sent to \(realm), which is not encrypted: nothing was sent")
        }
        let response: HTTPClientResponse
        do {
            response = try await transport.send(Self.request(realm, service, scope, credentials, offline))
        } catch let error as TransportError {
            throw BerthError(reaching: authority, error)
        }
        let bytes = try await response.bytes(limit: 1 << 20)
        guard response.status == .ok else {
            throw RegistryProblem(status: response.status, body: bytes).error(
                response.status == .unauthorized || response.status == .forbidden
                    ? "unauthorized: incorrect username or password" : "asking \(authority) for a token")
        }
        let answer = try? JSONDecoder().decode(TokenAnswer.self, from: Data(bytes))
        guard let answer, !answer.text.isEmpty else {
            throw BerthError.unavailable("the token server \(authority) answered without a token")
        }
        return answer
    }

    private static func request(
        _ realm: String, _ service: String?, _ scope: String, _ credentials: RegistryCredentials?, _ offline: Bool
    ) -> HTTPClientRequest {
        var fields: [(String, String)] = []
        if let service { fields.append(("service", service)) }
        for scope in scope.split(separator: " ") { fields.append(("scope", String(scope))) }
        if case .identityToken(_, let token) = credentials {
            var request = HTTPClientRequest(url: realm)
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
            fields = fields.filter { $0.0 != "scope" } + [("scope", scope), ("client_id", "berth")]
            fields += [("grant_type", "refresh_token"), ("refresh_token", token)]
            request.body = .bytes(ByteBuffer(string: PercentEncoding.form(fields)))
            return request
        }
        if offline { fields += [("offline_token", "true"), ("client_id", "berth")] }
        if let user = credentials?.user { fields.append(("account", user)) }
        var request = HTTPClientRequest(
            url: realm + (realm.contains("?") ? "&" : "?") + PercentEncoding.form(fields))
        if case .password(let user, let password) = credentials {
            request.headers.add(name: "Authorization", value: basic(user, password))
        }
        return request
    }
}

/// Percent-encoding of query and form values (RFC 3986).
enum PercentEncoding {
    static func form(_ fields: [(String, String)]) -> String {
        fields.map { "\(encode($0.0))=\(encode($0.1))" }.joined(separator: "&")
    }

    static func encode(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e:
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }
}
