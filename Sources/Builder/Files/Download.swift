import AsyncHTTPClient
import Errors
import Glibc
import Linux
import OCI

import struct Crypto.SHA256

/// A file from a URL.
struct Download: Sendable {
    /// Where it was put.
    let path: String
    /// The last part of the URL's path; empty if it has none.
    let name: String
    let digest: Digest

    /// Whether a source of ADD is a URL.
    static func isURL(_ text: String) -> Bool { text.hasPrefix("http://") || text.hasPrefix("https://") }

    /// Whether a source of ADD is a Git repository by Docker's rules.
    static func isRepository(_ text: String) -> Bool {
        let address = text.split(separator: "#", maxSplits: 1).first.map(String.init) ?? ""
        return text.hasPrefix("git@") || text.hasPrefix("git://") || text.hasPrefix("ssh://")
            || isURL(text) && address.hasSuffix(".git")
    }

    /// The file name that a URL ends in, without query and fragment.
    static func name(of url: String) -> String {
        let path = url.split { $0 == "?" || $0 == "#" }.first ?? ""
        let components = path.split(separator: "/", omittingEmptySubsequences: false)
        // http: / "" / host / …
        guard components.count > 3, let last = components.last else { return "" }
        return unescaped(String(last))
    }

    /// Fetches `url` into a new file in `directory`, mode 0600, with the server's time of last change.
    ///
    /// Secrets named as BuildKit has them go with the request: `HTTP_AUTH_TOKEN_<host>` as a bearer
    /// token, `HTTP_AUTH_HEADER_<host>` as the whole `Authorization` header.
    init(_ url: String, secrets: [String: [UInt8]] = [:], into directory: String) async throws {
        name = Self.name(of: url)
        path = "\(directory)/download"
        var configuration = HTTPClient.Configuration()
        configuration.timeout = .init(connect: .seconds(10), read: .seconds(60))
        // A refused connection is an answer; the default is to try again until the deadline.
        configuration.connectionPool.retryConnectionEstablishment = false
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "User-Agent", value: "berth")
        if let value = Self.authorization(for: url, secrets) {
            request.headers.add(name: "Authorization", value: value)
        }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            digest = try await Self.fetch(request, client, to: path)
            try await client.shutdown()
        } catch {
            try? await client.shutdown()
            switch error {
            case let error as SystemError: throw BerthError("downloading \(url)", error)
            case is BerthError, is CancellationError: throw error
            default: throw BerthError.unavailable("ADD failed: cannot download \(url): \(error)", cause: error)
            }
        }
    }

    private static func authorization(for url: String, _ secrets: [String: [UInt8]]) -> String? {
        let authority = url.split(separator: "/", omittingEmptySubsequences: false).dropFirst(2).first ?? ""
        let host = authority.split(separator: "@").last ?? ""
        func secret(_ kind: String) -> String? {
            secrets["HTTP_AUTH_\(kind)_\(host)"].map { String(decoding: $0, as: UTF8.self).trimmingSpaces() }
        }
        return secret("HEADER") ?? secret("TOKEN").map { "Bearer \($0)" }
    }

    private static func fetch(
        _ request: HTTPClientRequest, _ client: HTTPClient, to path: String
    ) async throws -> Digest {
        let response = try await client.execute(request, deadline: .distantFuture)
        guard (200..<300).contains(response.status.code) else {
            throw BerthError.invalidArgument(
                "ADD failed: failed to GET \(request.url) with status \(response.status.code) "
                    + response.status.reasonPhrase)
        }
        var hash = SHA256()
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        for try await buffer in response.body {
            try buffer.withUnsafeReadableBytes { bytes in
                hash.update(bufferPointer: bytes)
                try file.writeAll(bytes)
            }
        }
        let modified = (response.headers.first(name: "Last-Modified").flatMap(parseHTTPDate) ?? 0) * 1_000_000_000
        try FileDescriptor.openDirectory(Files.parent(of: path))
            .setTimes(Files.lastComponent(of: path), accessed: modified, modified: modified)
        return Digest(sha256: hash.finalize())
    }

    private static func unescaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            if byte == UInt8(ascii: "%"), digits.count == 2, let value = UInt8(digits, radix: 16) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7) in seconds since 1970. Nil if it is none.
func parseHTTPDate(_ text: String) -> Int64? {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let parts = text.split(separator: " ")
    guard parts.count == 6, let day = Int64(parts[1]), let index = months.firstIndex(of: String(parts[2])),
        let year = Int64(parts[3])
    else { return nil }
    let time = parts[4].split(separator: ":").compactMap { Int64($0) }
    guard time.count == 3 else { return nil }
    // Days since 1970-01-01, with years that begin in March so that the leap day comes last.
    let month = Int64(index + 1)
    let shifted = month <= 2 ? year - 1 : year
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    return days * 86400 + time[0] * 3600 + time[1] * 60 + time[2]
}
