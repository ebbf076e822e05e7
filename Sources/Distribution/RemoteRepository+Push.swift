import AsyncHTTPClient
import Dispatch
import Errors
import FoundationEssentials
import NIOCore
import NIOHTTP1
public import OCI

public import class Linux.FileDescriptor

/// What became of a blob that was pushed.
public enum PushedBlob: Sendable, Equatable {
    /// The repository had it.
    case present
    /// Taken over from this repository of the same registry.
    case mounted(String)
    case sent
}

extension RemoteRepository {
    /// Whether the repository has a blob.
    public func has(_ digest: Digest) async throws -> Bool {
        try await reaching {
            let response = try await send(.HEAD, path("blobs/\(digest)"), at: server, scope: scope(.push))
            try? await response.discard()
            switch response.status {
            case .ok: return true
            case .notFound: return false
            default: throw refusal(response.status, [])
            }
        }
    }

    /// Brings a blob into the repository, if it is not there: from another repository of the registry
    /// where that can be, otherwise by sending it. A broken connection is taken up where the server
    /// says that it stands.
    /// - Parameters:
    ///   - neighbours: repositories of the same registry that may have it; asked for only when it is not there.
    ///   - progress: called with the bytes sent so far.
    public func push(
        _ blob: Descriptor, from file: FileDescriptor, neighbours: @Sendable () async throws -> [String] = { [] },
        progress: @escaping @Sendable (Int64) -> Void = { _ in }
    ) async throws -> PushedBlob {
        if try await has(blob.digest) { return .present }
        return try await reaching {
            for neighbour in try await neighbours() where neighbour != name {
                let query =
                    "mount=\(PercentEncoding.encode("\(blob.digest)"))&from=\(PercentEncoding.encode(neighbour))"
                let response = try await send(
                    .POST, path("blobs/uploads/?\(query)"), at: server,
                    scope: scope(.push, alsoPulling: [neighbour]))
                let body = (try? await response.bytes(limit: 1 << 20)) ?? []
                if response.status == .created { return .mounted(neighbour) }
                // It opened an upload in the place of a mount.
                if response.status == .accepted, let location = try await location(response) {
                    try await send(blob, from: file, to: location, progress)
                    return .sent
                }
                if response.status == .unauthorized || response.status == .forbidden { continue }
                throw refusal(response.status, body)
            }
            try await send(blob, from: file, to: try await beginUpload(), progress)
            return .sent
        }
    }

    private func beginUpload() async throws -> String {
        let response = try await send(.POST, path("blobs/uploads/"), at: server, scope: scope(.push))
        let body = (try? await response.bytes(limit: 1 << 20)) ?? []
        guard response.status == .accepted, let location = try await location(response) else {
            throw refusal(response.status, body)
        }
        return location
    }

    /// The URL of an upload, whole.
    private func location(_ response: HTTPClientResponse) async throws -> String? {
        guard let location = response.headers.first(name: "Location") else { return nil }
        if location.contains("://") { return location }
        let (scheme, authority) = Transport.parts(of: try await client.transport.base(of: server))
        return "\(scheme)://\(authority)\(location)"
    }

    private func send(
        _ blob: Descriptor, from file: FileDescriptor, to location: String,
        _ progress: @escaping @Sendable (Int64) -> Void
    ) async throws {
        var location = location
        var offset: Int64 = 0
        var attempt = 0
        while offset < blob.size {
            do {
                location = try await patch(blob, from: file, at: offset, location, progress)
                offset = blob.size
            } catch let error as TransportError where error.isWorthAnotherTry && attempt < Self.attempts {
                try await Task.sleep(for: Self.pause(attempt, nil))
                attempt += 1
                (location, offset) = try await standing(of: location)
            }
        }
        let query = "digest=\(PercentEncoding.encode("\(blob.digest)"))"
        let response = try await send(
            .PUT, location + (location.contains("?") ? "&" : "?") + query, at: server, scope: scope(.push),
            headers: ["Content-Type": "application/octet-stream", "Content-Length": "0"])
        let body = (try? await response.bytes(limit: 1 << 20)) ?? []
        guard response.status == .created || response.status == .noContent else {
            throw refusal(response.status, body)
        }
    }

    /// Sends the rest of a blob in one request.
    /// - Returns: where the upload goes on.
    private func patch(
        _ blob: Descriptor, from file: FileDescriptor, at offset: Int64, _ location: String,
        _ progress: @escaping @Sendable (Int64) -> Void
    ) async throws -> String {
        var headers: HTTPHeaders = ["Content-Type": "application/octet-stream"]
        if offset > 0 { headers.add(name: "Content-Range", value: "\(offset)-\(blob.size - 1)") }
        let response = try await send(
            .PATCH, location, at: server, scope: scope(.push), headers: headers,
            body: {
                .stream(
                    FileChunks(file: file, offset: offset, end: blob.size, progress: progress),
                    length: .known(blob.size - offset))
            })
        let body = (try? await response.bytes(limit: 1 << 20)) ?? []
        guard response.status == .accepted, let next = try await self.location(response) else {
            throw refusal(response.status, body)
        }
        return next
    }

    /// How far an upload has come.
    private func standing(of location: String) async throws -> (location: String, offset: Int64) {
        let response = try await send(.GET, location, at: server, scope: scope(.push))
        let body = (try? await response.bytes(limit: 1 << 20)) ?? []
        guard response.status == .noContent || response.status == .accepted else {
            throw refusal(response.status, body)
        }
        // `0-99` is a hundred bytes; an upload without any has `0-0` too.
        let last = response.headers.first(name: "Range")?.split(separator: "-").last.flatMap { Int64($0) } ?? 0
        return (try await self.location(response) ?? location, last == 0 ? 0 : last + 1)
    }

    /// Stores a manifest or index.
    /// - Parameter name: a tag or digest.
    public func put(manifest bytes: [UInt8], mediaType: String, as name: String) async throws {
        try await reaching {
            let response = try await send(
                .PUT, path("manifests/\(name)"), at: server, scope: scope(.push),
                headers: ["Content-Type": mediaType], body: { .bytes(ByteBuffer(bytes: bytes)) })
            let body = (try? await response.bytes(limit: 1 << 20)) ?? []
            guard response.status == .created || response.status == .ok else { throw refusal(response.status, body) }
        }
    }

    private func refusal(_ status: HTTPResponseStatus, _ body: [UInt8]) -> BerthError {
        let problem = RegistryProblem(status: status, body: body)
        let whole = Reference(registry: registry, repository: name, tag: nil, digest: nil).familiarName
        switch status {
        case .unauthorized, .forbidden:
            return BerthError(
                .permissionDenied,
                "denied: requested access to the resource is denied: \(whole) (log in first: "
                    + "berth login\(registry == "docker.io" ? "" : " " + registry))")
        default: return problem.error("pushing to \(whole)")
        }
    }
}

/// A file's bytes, read beside the threads that run the tasks.
private struct FileChunks: AsyncSequence, Sendable {
    let file: FileDescriptor
    let offset: Int64
    let end: Int64
    let progress: @Sendable (Int64) -> Void

    private static let queue = DispatchQueue(label: "berth.push.read", attributes: .concurrent)

    struct AsyncIterator: AsyncIteratorProtocol {
        let file: FileDescriptor
        var position: Int64
        let end: Int64
        let progress: @Sendable (Int64) -> Void

        mutating func next() async throws -> ByteBuffer? {
            progress(position)
            guard position < end else { return nil }
            let (file, start, count) = (file, position, Int(Swift.min(1 << 20, end - position)))
            let bytes: [UInt8] = try await withCheckedThrowingContinuation { continuation in
                queue.async {
                    continuation.resume(with: Result { try file.read(upTo: count, at: start) })
                }
            }
            guard !bytes.isEmpty else { throw BerthError.internal("the blob being pushed is shorter than recorded") }
            position += Int64(bytes.count)
            return ByteBuffer(bytes: bytes)
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(file: file, position: offset, end: end, progress: progress)
    }
}
