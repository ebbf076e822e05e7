import EngineAPI
import Errors
import NIOHTTP1

/// One row of the route table.
struct Route: Sendable {
    typealias Handler = @Sendable (Request) async throws -> Response

    let method: HTTPMethod
    let pattern: [Segment]
    let handler: Handler

    enum Segment: Sendable, Equatable {
        case literal(String)
        /// `{name}`: one segment.
        case parameter(String)
        /// `{name...}`: one or more segments, as image names have slashes.
        case path(String)
    }

    /// - Parameter pattern: such as `/images/{name...}/json`.
    init(_ method: HTTPMethod, _ pattern: String, _ handler: @escaping Handler) {
        self.method = method
        self.pattern = pattern.split(separator: "/").map { segment in
            guard segment.hasPrefix("{"), segment.hasSuffix("}") else { return .literal(String(segment)) }
            let name = segment.dropFirst().dropLast()
            return name.hasSuffix("...") ? .path(String(name.dropLast(3))) : .parameter(String(name))
        }
        self.handler = handler
    }

    static func get(_ pattern: String, _ handler: @escaping Handler) -> Route { Route(.GET, pattern, handler) }
    static func head(_ pattern: String, _ handler: @escaping Handler) -> Route { Route(.HEAD, pattern, handler) }
    static func post(_ pattern: String, _ handler: @escaping Handler) -> Route { Route(.POST, pattern, handler) }
    static func put(_ pattern: String, _ handler: @escaping Handler) -> Route { Route(.PUT, pattern, handler) }
    static func delete(_ pattern: String, _ handler: @escaping Handler) -> Route { Route(.DELETE, pattern, handler) }

    /// What the pattern's parameters match in `path`; `nil` if the path is another one's.
    func match(_ path: [String]) -> [String: String]? {
        var parameters: [String: String] = [:]
        var rest = path[...]
        for (index, segment) in pattern.enumerated() {
            guard let first = rest.first else { return nil }
            switch segment {
            case .literal(let text):
                guard first == text else { return nil }
                rest = rest.dropFirst()
            case .parameter(let name):
                parameters[name] = first
                rest = rest.dropFirst()
            case .path(let name):
                // What follows takes one segment each; everything before it is the name.
                let length = rest.count - (pattern.count - index - 1)
                guard length > 0 else { return nil }
                parameters[name] = rest.prefix(length).joined(separator: "/")
                rest = rest.dropFirst(length)
            }
        }
        return rest.isEmpty ? parameters : nil
    }
}

/// Finds a request's route. Earlier rows win.
struct Router: Sendable {
    /// Routes by method and first segment, in the table's order.
    private let routes: [Key: [Route]]

    private struct Key: Hashable {
        let method: String
        let first: String
    }

    init(_ table: [Route]) {
        routes = Dictionary(grouping: table) { route in
            guard case .literal(let first)? = route.pattern.first else { return Key(method: "", first: "") }
            return Key(method: route.method.rawValue, first: first)
        }
    }

    func route(_ method: HTTPMethod, _ path: [String]) -> (handler: Route.Handler, parameters: [String: String])? {
        guard let first = path.first else { return nil }
        for route in routes[Key(method: method.rawValue, first: first)] ?? [] {
            if let parameters = route.match(path) { return (route.handler, parameters) }
        }
        return nil
    }
}

/// A request target taken apart: `/v1.51/images/a%2Fb/json?x=y`.
struct Target {
    /// `nil` if the path has no version.
    let version: APIVersion?
    /// Percent-decoded, without the version; empty segments are dropped, as `/networks/` is `/networks`.
    let path: [String]
    let query: Query

    init(_ uri: String) {
        let parts = uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        query = parts.count == 2 ? Query(percentEncoded: parts[1]) : Query()
        var segments = parts[0].split(separator: "/")[...]
        if let first = segments.first, first.hasPrefix("v"), let version = APIVersion(first.dropFirst()) {
            self.version = version
            segments = segments.dropFirst()
        } else {
            version = nil
        }
        path = segments.map { Query.decoded($0, plusIsSpace: false) }
    }
}
