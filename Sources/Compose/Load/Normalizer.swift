import Errors
import OrderedCollections

/// Makes explicit what the specification leaves implicit.
enum Normalizer {
    static func normalize(_ project: inout Project) throws(BerthError) {
        for name in project.services.keys {
            guard var service = project.services[name] else { continue }
            if service.networkMode == nil, service.networks.isEmpty {
                service.networks["default"] = NetworkAttachment()
            }
            addImpliedDependencies(to: &service, in: project)
            project.services[name] = service
        }
        let usesDefault = project.services.values.contains { $0.networks["default"] != nil }
        if usesDefault, project.networks["default"] == nil {
            project.networks["default"] = ProjectNetwork(key: "default", name: "\(project.name)_default")
        }
        var profiles: OrderedSet<String> = []
        for service in project.services.values { profiles.append(contentsOf: service.profiles) }
        project.profiles = profiles.sorted()
    }

    /// Links, shared namespaces and shared volumes need the other service to be there first.
    private static func addImpliedDependencies(to service: inout Service, in project: Project) {
        var implied = service.links.map { String($0.prefix { $0 != ":" }) }
        implied += service.namespaceServices
        implied += service.volumesFrom.compactMap { item in
            item.hasPrefix("container:") ? nil : String(item.prefix { $0 != ":" })
        }
        for name in implied where service.dependsOn[name] == nil {
            service.dependsOn[name] = Dependency(condition: .started, restart: true, required: true)
        }
    }
}

extension Project {
    /// Sets aside the services whose profiles are not active.
    mutating func applyProfiles(_ active: [String]) {
        let all = services.merging(disabledServices) { own, _ in own }
        if active.contains("*") {
            services = all
            disabledServices = [:]
            return
        }
        let isEnabled = { (service: Service) in
            service.profiles.isEmpty || service.profiles.contains { active.contains($0) }
        }
        services = all.filter { isEnabled($0.value) }
        disabledServices = all.filter { !isEnabled($0.value) }
    }

    /// The project with services enabled that were named although their profiles are not active.
    ///
    /// - Throws: `notFound` for a name that no service has.
    public func enabling(_ names: [String]) throws(BerthError) -> Project {
        let missing = names.filter { services[$0] == nil }
        if missing.isEmpty { return self }
        var active: [String] = []
        for name in missing {
            guard let service = disabledServices[name] else { _ = try self.service(name); continue }
            active += service.profiles
        }
        var copy = self
        for (name, service) in disabledServices where service.profiles.contains(where: active.contains) {
            var enabled = service
            if depth == .full { try enabled.resolveFiles(environment: environment) }
            copy.services[name] = enabled
            copy.disabledServices[name] = nil
        }
        try Consistency.check(copy)
        return copy
    }
}
