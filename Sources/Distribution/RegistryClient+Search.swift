import AsyncHTTPClient
import Errors
import FoundationEssentials
import NIOHTTP1
import OCI

/// A repository that a search found.
public struct FoundRepository: Sendable {
    public let name: String
    public let description: String
    public let stars: Int
    public let isOfficial: Bool
}

extension RegistryClient {
    /// Searches Docker Hub, or another registry when the term begins with its host: by its search,
    /// or among the names of its catalogue.
    public func search(
        _ term: String, limit: Int, _ credentials: RegistryCredentials?
    ) async throws -> [FoundRepository] {
        let (registry, text) = Self.split(term)
        let endpoint: RegistryEndpoint
        if registry == "docker.io", transport.settings.routes[registry]?.server == nil {
            // Docker Hub searches under its old address.
            endpoint = RegistryEndpoint(authority: "index.docker.io")
        } else {
            endpoint = transport.settings.server(of: registry)
        }
        do {
            if let found = try await index(endpoint, text, limit) { return found }
            return try await catalogue(registry, text, limit, credentials)
        } catch let error as TransportError {
            throw BerthError(reaching: registry, error)
        }
    }

    private static func split(_ term: String) -> (registry: String, text: String) {
        guard let slash = term.firstIndex(of: "/") else { return ("docker.io", term) }
        let first = term[..<slash]
        guard first.contains(".") || first.contains(":") || first == "localhost" else { return ("docker.io", term) }
        return (name(of: String(first)), String(term[term.index(after: slash)...]))
    }

    /// `GET /v1/search`, of which only this is left of the first API. Nil where there is none.
    private func index(_ endpoint: RegistryEndpoint, _ text: String, _ limit: Int) async throws -> [FoundRepository]? {
        struct Answer: Decodable {
            struct Item: Decodable {
                var name: String
                var description: String?
                var starCount: Int?
                var isOfficial: Bool?

                enum CodingKeys: String, CodingKey {
                    case name, description
                    case starCount = "star_count"
                    case isOfficial = "is_official"
                }
            }
            var results: [Item]?
        }
        let url =
            try await transport.base(of: endpoint)
            + "/v1/search?" + PercentEncoding.form([("q", text), ("n", String(limit))])
        let response = try await transport.send(HTTPClientRequest(url: url))
        let bytes = try await response.bytes(limit: 16 << 20)
        if response.status == .notFound || response.status == .unauthorized { return nil }
        guard response.status == .ok else {
            throw RegistryProblem(status: response.status, body: bytes).error("searching \(endpoint)")
        }
        return (try JSONDecoder().decode(Answer.self, from: Data(bytes)).results ?? []).map {
            FoundRepository(
                name: $0.name, description: $0.description ?? "", stars: $0.starCount ?? 0,
                isOfficial: $0.isOfficial ?? false)
        }
    }

    private func catalogue(
        _ registry: String, _ text: String, _ limit: Int, _ credentials: RegistryCredentials?
    ) async throws -> [FoundRepository] {
        struct Answer: Decodable { var repositories: [String]? }
        let repository = RemoteRepository(client: self, registry: registry, name: "", credentials)
        var found: [String] = []
        var next: String? = "/v2/_catalog"
        while let url = next, found.count < limit {
            let response = try await repository.send(
                .GET, url, at: repository.server, scope: "registry:catalog:*")
            let bytes = try await response.bytes(limit: 16 << 20)
            guard response.status == .ok else {
                throw RegistryProblem(status: response.status, body: bytes).error("listing the registry \(registry)")
            }
            let names = try JSONDecoder().decode(Answer.self, from: Data(bytes)).repositories ?? []
            found += names.filter { text.isEmpty || $0.contains(text) }
            next = RemoteRepository.next(response.headers.first(name: "Link"))
        }
        return found.prefix(limit).map {
            FoundRepository(name: "\(registry)/\($0)", description: "", stars: 0, isOfficial: false)
        }
    }
}
