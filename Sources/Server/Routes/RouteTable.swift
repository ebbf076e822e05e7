import EngineAPI
import Errors

extension [Route] {
    /// The whole Engine API, by resource.
    static func engineAPI(_ backend: some EngineBackend) -> [Route] {
        SystemRoutes(backend: backend).table
            + ContainerRoutes(backend: backend).table
            + ContainerFileRoutes(backend: backend).table
            + ExecRoutes(backend: backend).table
            + ImageRoutes(backend: backend).table
            + BuildRoutes(backend: backend).table
            + NetworkRoutes(backend: backend).table
            + VolumeRoutes(backend: backend).table
            + absent
    }

    /// What Docker has and Berth does not: answered in a way that clients understand.
    private static var absent: [Route] {
        let swarm: Route.Handler = { _ in
            throw BerthError.unavailable(
                "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect "
                    + "this node to swarm and try again.")
        }
        let noSwarm: Route.Handler = { _ in
            throw BerthError.unavailable(
                "This node cannot be a swarm manager or worker: this engine has no swarm mode. "
                    + "To run several copies of a service, use \"docker compose up --scale\".")
        }
        let notPartOfSwarm: Route.Handler = { _ in
            throw BerthError.unavailable("This node is not part of a swarm")
        }
        let noPlugins: Route.Handler = { _ in throw BerthError(.unimplemented, "Berth has no plugins") }
        var routes: [Route] = [
            .post("/swarm/init", noSwarm),
            .post("/swarm/join", noSwarm),
            .post("/swarm/leave", notPartOfSwarm),
            .get("/plugins") { _ in try .json([String]()) },
            .get("/plugins/{name...}/json") { request in
                throw BerthError.notFound("plugin \"\(try request.parameter("name"))\" not found")
            },
        ]
        for resource in ["swarm", "nodes", "services", "tasks", "secrets", "configs"] {
            for pattern in ["/\(resource)", "/\(resource)/{rest...}"] {
                routes += [.get(pattern, swarm), .post(pattern, swarm), .delete(pattern, swarm)]
            }
        }
        for pattern in ["/plugins", "/plugins/{rest...}"] {
            routes += [.get(pattern, noPlugins), .post(pattern, noPlugins), .delete(pattern, noPlugins)]
        }
        return routes
    }
}
