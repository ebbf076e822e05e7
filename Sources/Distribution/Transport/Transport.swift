import AsyncHTTPClient
import Errors
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

import class Linux.FileDescriptor

/// Sends requests to registries: which scheme, which certificates, through which proxy.
final class Transport: Sendable {
    let settings: RegistrySettings
    private let clients = Mutex<[Proxy?: HTTPClient]>([:])
    private let schemes = Mutex<[String: String]>([:])
    private let certificates = Mutex<[String: TLSConfiguration]>([:])

    init(_ settings: RegistrySettings) { self.settings = settings }

    /// Ends the connections. Nothing may be under way.
    func shutDown() async {
        let all = clients.withLock { clients in
            defer { clients = [:] }
            return Array(clients.values)
        }
        for client in all { try? await client.shutdown() }
    }

    /// The beginning of an endpoint's URLs.
    ///
    /// Where plain HTTP is allowed, HTTPS is tried first and the answer remembered.
    func base(of endpoint: RegistryEndpoint) async throws -> String {
        try await scheme(of: endpoint) + "://" + endpoint.authority + endpoint.prefix
    }

    private func scheme(of endpoint: RegistryEndpoint) async throws -> String {
        if let scheme = endpoint.scheme { return scheme }
        guard settings.isInsecure(endpoint.authority) else { return "https" }
        if let known = schemes.withLock({ $0[endpoint.authority] }) { return known }
        var scheme = "https"
        do {
            let response = try await send(HTTPClientRequest(url: "https://\(endpoint.authority)/v2/"))
            try? await response.discard()
        } catch let error as TransportError where error.kind == .notTLS {
            scheme = "http"
        }
        schemes.withLock { $0[endpoint.authority] = scheme }
        return scheme
    }

    /// Sends one request.
    /// - Throws: `TransportError` when there was no answer.
    func send(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        var request = request
        request.headers.replaceOrAdd(name: "User-Agent", value: settings.userAgent)
        let (scheme, authority) = Self.parts(of: request.url)
        if scheme == "https" { request.tlsConfiguration = try tls(for: authority) }
        let client = client(settings.proxies.proxy(scheme: scheme, authority: authority))
        do {
            return try await client.execute(request, deadline: .distantFuture)
        } catch {
            try Task.checkCancellation()
            throw TransportError(error, url: request.url)
        }
    }

    static func parts(of url: String) -> (scheme: String, authority: String) {
        guard let range = url.firstRange(of: "://") else { return ("", "") }
        let rest = url[range.upperBound...]
        return (String(url[..<range.lowerBound]), String(rest.prefix { $0 != "/" && $0 != "?" }))
    }

    private func client(_ proxy: Proxy?) -> HTTPClient {
        clients.withLock { clients in
            if let client = clients[proxy] { return client }
            var configuration = HTTPClient.Configuration()
            // A server that falls silent must not hold a pull for ever.
            configuration.timeout = .init(connect: .seconds(10), read: .seconds(60))
            configuration.redirectConfiguration = .follow(max: 8, allowCycles: false)
            // A refused connection is an answer; what is worth another try is tried again by us.
            configuration.connectionPool.retryConnectionEstablishment = false
            if let proxy {
                configuration.proxy = .server(
                    host: proxy.host, port: proxy.port,
                    authorization: proxy.user.map { .basic(username: $0, password: proxy.password ?? "") })
            }
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            clients[proxy] = client
            return client
        }
    }

    // MARK: Certificates

    private func tls(for authority: String) throws -> TLSConfiguration {
        if let known = certificates.withLock({ $0[authority] }) { return known }
        var configuration = TLSConfiguration.makeClientConfiguration()
        var authorities: [NIOSSLCertificate] = []
        if let bundle = settings.caBundle {
            authorities += try Self.reading(bundle) { try NIOSSLCertificate.fromPEMFile(bundle) }
        }
        for folder in settings.certificateFolders.map({ "\($0)/\(authority)" }) {
            guard let names = try? FileDescriptor.openDirectory(folder).entries() else { continue }
            for name in names.sorted() {
                let path = "\(folder)/\(name)"
                if name.hasSuffix(".crt") {
                    authorities += try Self.reading(path) { try NIOSSLCertificate.fromPEMFile(path) }
                } else if name.hasSuffix(".cert") {
                    let key = String(path.dropLast(".cert".count)) + ".key"
                    configuration.certificateChain = try Self.reading(path) {
                        try NIOSSLCertificate.fromPEMFile(path).map { .certificate($0) }
                    }
                    configuration.privateKey = try Self.reading(key) {
                        .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
                    }
                }
            }
        }
        configuration.additionalTrustRoots = authorities.isEmpty ? [] : [.certificates(authorities)]
        if settings.isInsecure(authority), authorities.isEmpty { configuration.certificateVerification = .none }
        let made = configuration
        certificates.withLock { $0[authority] = made }
        return made
    }

    private static func reading<Value>(_ path: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch {
            throw BerthError.invalidArgument("the certificate or key \(path) cannot be read: \(error)", cause: error)
        }
    }
}

extension HTTPClientResponse {
    /// Reads what is left, so that the connection can be used again.
    func discard(limit: Int = 1 << 20) async throws {
        var count = 0
        for try await chunk in body {
            count += chunk.readableBytes
            if count > limit { return }
        }
    }

    /// The whole body of a small answer.
    /// - Throws: `BerthError.unavailable` for more than `limit` bytes.
    func bytes(limit: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await chunk in body {
            bytes += chunk.readableBytesView
            guard bytes.count <= limit else {
                throw BerthError.unavailable("the registry's answer is longer than \(limit) bytes")
            }
        }
        return bytes
    }
}
