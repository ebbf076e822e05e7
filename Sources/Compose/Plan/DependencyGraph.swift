import Errors
import OrderedCollections

/// Which service needs which other ones first.
public struct DependencyGraph: Sendable {
    /// The services that each service waits for.
    public let dependencies: OrderedDictionary<String, [String]>

    /// - Throws: `invalidArgument` with Compose's text and the whole circle when there is one.
    public init(_ project: Project) throws(BerthError) {
        var edges: OrderedDictionary<String, [String]> = [:]
        for (name, service) in project.services {
            edges[name] = service.dependsOn.keys.filter { project.services[$0] != nil }
        }
        try self.init(edges)
    }

    init(_ edges: OrderedDictionary<String, [String]>) throws(BerthError) {
        dependencies = edges
        if let circle = firstCircle() {
            throw .invalidArgument("dependency cycle detected: \(circle.joined(separator: " -> "))")
        }
    }

    /// The same services with every edge turned round: the order of stopping.
    public var reversed: [String: [String]] {
        var result: [String: [String]] = [:]
        for (name, needs) in dependencies {
            result[name, default: []] += []
            for need in needs { result[need, default: []].append(name) }
        }
        return result
    }

    /// Services in an order in which each comes after what it needs.
    public var order: [String] {
        var result: OrderedSet<String> = []
        func visit(_ name: String) {
            guard !result.contains(name) else { return }
            for need in dependencies[name] ?? [] { visit(need) }
            result.append(name)
        }
        for name in dependencies.keys { visit(name) }
        return Array(result)
    }

    /// The named services and everything they need, in the order of `order`.
    public func closure(of names: [String]) -> [String] {
        var wanted: Set<String> = []
        func visit(_ name: String) {
            guard wanted.insert(name).inserted else { return }
            for need in dependencies[name] ?? [] { visit(need) }
        }
        for name in names { visit(name) }
        return order.filter { wanted.contains($0) }
    }

    /// The named services and everything that needs them.
    public func dependents(of names: [String]) -> [String] {
        let reversed = reversed
        var wanted: Set<String> = []
        func visit(_ name: String) {
            guard wanted.insert(name).inserted else { return }
            for other in reversed[name] ?? [] { visit(other) }
        }
        for name in names { visit(name) }
        return order.filter { wanted.contains($0) }
    }

    private func firstCircle() -> [String]? {
        enum Mark { case open, done }
        var marks: [String: Mark] = [:]
        var path: [String] = []
        func visit(_ name: String) -> [String]? {
            switch marks[name] {
            case .done: return nil
            case .open: return Array(path.drop { $0 != name }) + [name]
            case nil: break
            }
            marks[name] = .open
            path.append(name)
            for need in dependencies[name] ?? [] {
                if let circle = visit(need) { return circle }
            }
            path.removeLast()
            marks[name] = .done
            return nil
        }
        for name in dependencies.keys {
            if let circle = visit(name) { return circle }
        }
        return nil
    }
}
