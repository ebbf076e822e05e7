import EngineAPI

extension EngineClient {
    /// `GET /networks`.
    public func networks(filters: Filters = [:]) async throws -> [NetworkInspect] {
        var query = Query()
        try query.add(filters)
        return try await value(EngineRequest(.get, "/networks", query: query))
    }

    /// `GET /networks/{id}`.
    public func inspectNetwork(_ id: String) async throws -> NetworkInspect {
        try await value(EngineRequest(.get, network(id)))
    }

    /// `GET /networks/{id}`, as the daemon wrote it.
    public func inspectNetworkJSON(_ id: String, verbose: Bool = false) async throws -> [UInt8] {
        var query = Query()
        query.add("verbose", verbose)
        return try await bytes(EngineRequest(.get, network(id), query: query))
    }

    /// `POST /networks/create`.
    public func createNetwork(_ request: NetworkCreateRequest) async throws -> NetworkCreateResponse {
        try await value(EngineRequest(.post, "/networks/create", body: try Self.encode(request)))
    }

    /// `DELETE /networks/{id}`.
    public func removeNetwork(_ id: String) async throws {
        try await send(EngineRequest(.delete, network(id)))
    }

    /// `POST /networks/{id}/connect`.
    public func connect(_ container: String, to network: String, _ endpoint: EndpointSettings? = nil) async throws {
        let request = NetworkConnectRequest(container: container, endpointConfig: endpoint)
        try await send(EngineRequest(.post, self.network(network) + "/connect", body: try Self.encode(request)))
    }

    /// `POST /networks/{id}/disconnect`.
    public func disconnect(_ container: String, from network: String, force: Bool = false) async throws {
        let request = NetworkDisconnectRequest(container: container, force: force)
        try await send(EngineRequest(.post, self.network(network) + "/disconnect", body: try Self.encode(request)))
    }

    /// `POST /networks/prune`.
    public func pruneNetworks(filters: Filters = [:]) async throws -> NetworkPruneReport {
        try await value(try prune("/networks/prune", filters))
    }

    private func network(_ id: String) -> String { "/networks/\(PercentEncoding.path(id))" }
}
