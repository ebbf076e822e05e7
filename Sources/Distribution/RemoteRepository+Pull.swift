import AsyncHTTPClient
import Errors
import FoundationEssentials
public import NIOCore
import NIOHTTP1
public import OCI

import struct Crypto.SHA256

/// A manifest or an index as a registry has it.
public struct RemoteManifest: Sendable {
    public let bytes: [UInt8]
    public let digest: Digest
    public let mediaType: String

    public var isIndex: Bool { mediaType == MediaType.index || mediaType == MediaType.dockerManifestList }
}

/// A blob on its way from a registry.
public struct RemoteBlob: Sendable {
    /// Where the bytes begin: 0 when the server did not take up from where it was asked to.
    public let offset: Int64
    public let bytes: Body

    public struct Body: AsyncSequence, Sendable {
        let response: HTTPClientResponse
        let registry: String

        public struct AsyncIterator: AsyncIteratorProtocol {
            var upstream: HTTPClientResponse.Body.AsyncIterator
            let registry: String

            /// - Throws: `BerthError.unavailable` when the connection breaks: then it can be taken up again.
            public mutating func next() async throws -> ByteBuffer? {
                do {
                    return try await upstream.next()
                } catch {
                    try Task.checkCancellation()
                    throw BerthError(reaching: registry, TransportError(error, url: "https://\(registry)"))
                }
            }
        }

        public func makeAsyncIterator() -> AsyncIterator {
            AsyncIterator(upstream: response.body.makeAsyncIterator(), registry: registry)
        }
    }
}

extension RemoteRepository {
    static let manifestTypes = [
        MediaType.index, MediaType.manifest, MediaType.dockerManifestList, MediaType.dockerManifest,
    ]

    /// The digest that a tag leads to, asked for without its content. Nil when the server does not tell.
    /// - Parameter name: a tag or digest.
    /// - Throws: `notFound`, `unauthenticated`, `permissionDenied` or `unavailable`.
    public func digest(of name: String) async throws -> Digest? {
        try await firstAnswer { endpoint in
            let response = try await askForManifest(.HEAD, name, endpoint)
            try? await response.discard()
            guard response.status == .ok else { throw refusal(response.status, [], of: name) }
            return try response.headers.first(name: "Docker-Content-Digest").map { text throws(BerthError) in
                try Digest(text)
            }
        }
    }

    /// A manifest or index, verified when asked for by digest.
    /// - Parameter name: a tag or digest.
    /// - Throws: as `digest(of:)`; `invalidArgument` for a manifest of a kind that images have no more.
    public func manifest(_ name: String) async throws -> RemoteManifest {
        try await firstAnswer { endpoint in
            let response = try await askForManifest(.GET, name, endpoint)
            let bytes: [UInt8]
            do {
                bytes = try await response.bytes(limit: 32 << 20)
            } catch let error as BerthError {
                throw error
            } catch {
                throw TransportError(error, url: "https://\(endpoint.authority)")
            }
            guard response.status == .ok else { throw refusal(response.status, bytes, of: name) }
            return try Self.check(bytes, response.headers.first(name: "Content-Type"), name)
        }
    }

    private func askForManifest(
        _ method: HTTPMethod, _ name: String, _ endpoint: RegistryEndpoint
    ) async throws -> HTTPClientResponse {
        try await send(
            method, path("manifests/\(name)"), at: endpoint, scope: scope(.pull),
            headers: HTTPHeaders(Self.manifestTypes.map { ("Accept", $0) }))
    }

    private static func check(_ bytes: [UInt8], _ contentType: String?, _ name: String) throws -> RemoteManifest {
        let digest = Digest(sha256: SHA256.hash(data: bytes))
        if let asked = try? Digest(name), asked.algorithm == .sha256, asked != digest {
            throw BerthError.unavailable(
                "the registry answered for \(asked) with something else, whose digest is \(digest)")
        }
        struct Kind: Decodable {
            var mediaType: String?
            var schemaVersion: Int?
            var manifests: [Descriptor]?
        }
        guard let kind = try? JSONDecoder().decode(Kind.self, from: Data(bytes)) else {
            throw BerthError.unavailable("the registry's manifest for \(name) cannot be read: it is no JSON of one")
        }
        guard kind.schemaVersion == 2 else {
            throw BerthError.invalidArgument(
                "the image has a manifest of version 1, which no registry should have any more: push it again with a "
                    + "tool of today")
        }
        // The document knows better than its header; without either, its shape says it.
        let header = contentType.map { String($0.prefix { $0 != ";" }) }
        let type =
            kind.mediaType ?? header.flatMap { manifestTypes.contains($0) ? $0 : nil }
            ?? (kind.manifests == nil ? MediaType.manifest : MediaType.index)
        return RemoteManifest(bytes: bytes, digest: digest, mediaType: type)
    }

    /// What a registry's refusal means for an image, in Docker's words.
    private func refusal(_ status: HTTPResponseStatus, _ body: [UInt8], of name: String) -> BerthError {
        let problem = RegistryProblem(status: status, body: body)
        let whole = Reference(registry: registry, repository: self.name, tag: nil, digest: nil).familiarName
        switch status {
        case .unauthorized, .forbidden:
            return BerthError(
                .notFound,
                "pull access denied for \(whole), repository does not exist or may require 'docker login': denied: "
                    + "requested access to the resource is denied")
        case .notFound where problem.code == "NAME_UNKNOWN":
            return .notFound("repository \(whole) not found: \(problem.text)")
        case .notFound:
            let separator = name.contains(":") ? "@" : ":"
            return .notFound(
                "manifest for \(whole)\(separator)\(name) not found: manifest unknown: manifest unknown")
        default: return problem.error("asking for \(whole)")
        }
    }

    /// A blob, from a byte on.
    /// - Parameter offset: of the first byte wanted. Nothing is wanted from the end on.
    /// - Throws: `notFound`, or `unavailable` when the connection breaks.
    public func blob(_ digest: Digest, from offset: Int64 = 0) async throws -> RemoteBlob {
        try await firstAnswer { endpoint in
            var headers = HTTPHeaders()
            if offset > 0 { headers.add(name: "Range", value: "bytes=\(offset)-") }
            let response = try await send(
                .GET, path("blobs/\(digest)"), at: endpoint, scope: scope(.pull), headers: headers)
            switch response.status {
            case .partialContent:
                return RemoteBlob(
                    offset: offset, bytes: RemoteBlob.Body(response: response, registry: endpoint.authority))
            case .ok:
                return RemoteBlob(offset: 0, bytes: RemoteBlob.Body(response: response, registry: endpoint.authority))
            default:
                let body = (try? await response.bytes(limit: 1 << 20)) ?? []
                throw RegistryProblem(status: response.status, body: body).error("fetching \(digest)")
            }
        }
    }

    /// Every tag.
    public func tags() async throws -> [String] {
        struct Answer: Decodable { var tags: [String]? }
        return try await firstAnswer { endpoint in
            var tags: [String] = []
            var next: String? = path("tags/list")
            while let url = next {
                let response = try await send(.GET, url, at: endpoint, scope: scope(.pull))
                let bytes = try await response.bytes(limit: 32 << 20)
                guard response.status == .ok else { throw refusal(response.status, bytes, of: "latest") }
                tags += (try JSONDecoder().decode(Answer.self, from: Data(bytes))).tags ?? []
                next = Self.next(response.headers.first(name: "Link"))
            }
            return tags
        }
    }

    /// The page after this one: `</v2/…>; rel="next"`.
    static func next(_ link: String?) -> String? {
        guard let link, link.contains("next"), let start = link.firstIndex(of: "<"),
            let end = link[start...].firstIndex(of: ">")
        else { return nil }
        return String(link[link.index(after: start)..<end])
    }
}
