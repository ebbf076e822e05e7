import AsyncHTTPClient
import Errors
import Linux
import NIOCore
import NIOPosix
import NIOSSL

/// A request that got no answer, in the words of its cause.
struct TransportError: Error, CustomStringConvertible {
    enum Kind {
        /// The server does not speak TLS.
        case notTLS
        case untrusted
        case unknownHost
        case refused
        case timedOut
        /// The connection broke, or something else that may go better next time.
        case broken
    }

    let kind: Kind
    let url: String
    let reason: String

    init(_ error: any Error, url: String) {
        self.url = url
        (kind, reason) = Self.explain(error)
    }

    var description: String { "\(url): \(reason)" }

    var isWorthAnotherTry: Bool { kind == .broken || kind == .timedOut }

    private static func explain(_ error: any Error) -> (Kind, String) {
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .connectTimeout, .tlsHandshakeTimeout, .httpProxyHandshakeTimeout, .readTimeout, .deadlineExceeded:
                return (.timedOut, "timed out: \(error.shortDescription)")
            case .remoteConnectionClosed: return (.broken, "the connection was closed by the server")
            default: return (.broken, error.shortDescription)
            }
        case let error as NIOConnectionError: return explain(error)
        case let error as NIOSSLError: return explain(error)
        case let error as IOError: return explain(errno: error.errnoCode)
        case is ChannelError: return (.broken, "the connection broke")
        default:
            let text = "\(error)"
            // Handshakes that ended early come in several shapes.
            if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") { return (.notTLS, text) }
            return (.broken, text)
        }
    }

    private static func explain(_ error: NIOConnectionError) -> (Kind, String) {
        if let failure = error.connectionErrors.first {
            return explain(failure.error)
        }
        if error.dnsAError != nil || error.dnsAAAAError != nil {
            return (.unknownHost, "lookup \(error.host): no such host")
        }
        return (.broken, "cannot connect to \(error.host):\(error.port)")
    }

    private static func explain(_ error: NIOSSLError) -> (Kind, String) {
        if case .handshakeFailed(let cause) = error {
            let text = "\(cause)"
            if text.contains("CERTIFICATE_VERIFY_FAILED") {
                return (.untrusted, "x509: certificate signed by unknown authority")
            }
            return (.notTLS, "http: server gave HTTP response to HTTPS client")
        }
        if case .uncleanShutdown = error { return (.broken, "the connection broke") }
        return (.untrusted, "\(error)")
    }

    private static func explain(errno: Int32) -> (Kind, String) {
        switch errno {
        case 111: (.refused, "connection refused")
        case 110: (.timedOut, "i/o timeout")
        case 101, 113: (.refused, errnoText(errno).lowercased())
        default: (.broken, errnoText(errno).lowercased())
        }
    }
}

extension BerthError {
    /// A registry that cannot be reached, with the remedy.
    init(reaching registry: String, _ error: TransportError) {
        let host = Transport.parts(of: error.url).authority
        let remedy: String
        switch error.kind {
        case .untrusted:
            remedy = "put its authority's certificate into /etc/berth/certs.d/\(host)/ca.crt"
        case .notTLS:
            remedy = "to allow plain HTTP, add \"\(host)\" to \"insecure-registries\" in the daemon's settings"
        case .unknownHost, .refused, .timedOut, .broken:
            remedy =
                registry == "docker.io"
                ? "set a mirror (\"registry-mirrors\" in the daemon's settings), or carry the image by file "
                    + "(berth save, berth load)"
                : "check its address and that it runs"
        }
        self.init(.unavailable, "cannot reach the registry \(host): \(error.reason) (\(remedy))", cause: error)
    }
}
