import Errors
import NIOCore
import NIOSSL

/// How the server proves who it is to clients that come over TCP, and who of them it takes.
public struct ServerTLS: Sendable {
    let context: NIOSSLContext

    /// - Parameters:
    ///   - certificate: PEM file of the server's certificate and what leads from it to a root.
    ///   - key: PEM file of its private key.
    ///   - clientAuthority: PEM file of the authorities that clients' certificates must come from; nil
    ///     takes every client.
    /// - Throws: `invalidArgument` naming the file that cannot be used.
    public init(certificate: String, key: String, clientAuthority: String?) throws(BerthError) {
        func reading<Value>(_ file: String, _ what: String, _ body: () throws -> Value) throws(BerthError) -> Value {
            do {
                return try body()
            } catch {
                throw .invalidArgument("could not load the \(what) \(file): \(error)", cause: error)
            }
        }
        let chain = try reading(certificate, "certificate") {
            try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
        }
        let privateKey = try reading(key, "private key") { try NIOSSLPrivateKey(file: key, format: .pem) }
        var settings = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(privateKey))
        settings.minimumTLSVersion = .tlsv12
        settings.applicationProtocols = ["http/1.1"]
        if let clientAuthority {
            let authorities = try reading(clientAuthority, "authority") {
                try NIOSSLCertificate.fromPEMFile(clientAuthority)
            }
            settings.trustRoots = .certificates(authorities)
            // Of a client there is no name to compare.
            settings.certificateVerification = .noHostnameVerification
        }
        context = try reading(certificate, "certificate") { [settings] in try NIOSSLContext(configuration: settings) }
    }

    func handler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: context) }
}
