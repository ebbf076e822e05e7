import Errors
import OrderedCollections

/// Checks that the parts of a project fit together, with Compose's texts.
enum Consistency {
    static func check(_ project: Project) throws(BerthError) {
        for service in project.services.values {
            try checkImage(service)
            try checkDependencies(service, in: project)
            try checkNetworks(service, in: project)
            try checkStorage(service, in: project)
            try checkFiles(service, in: project)
            try checkScale(service)
        }
        try checkContainerNames(project)
        _ = try DependencyGraph(project)
    }

    private static func invalid(_ message: String, _ location: Location, hint: String? = nil) -> BerthError {
        var details: [String] = []
        if location.line > 0 { details.append("\(location.source.file):\(location.line)") }
        if let hint { details.append("did you mean \"\(hint)\"?") }
        let suffix = details.isEmpty ? "" : " (\(details.joined(separator: "; ")))"
        return .invalidArgument("\(message): invalid compose project\(suffix)")
    }

    private static func checkImage(_ service: Service) throws(BerthError) {
        if service.image == nil, service.build == nil {
            throw invalid(
                "service \"\(service.name)\" has neither an image nor a build context specified", service.location)
        }
    }

    private static func checkDependencies(_ service: Service, in project: Project) throws(BerthError) {
        for (name, dependency) in service.dependsOn where project.services[name] == nil {
            if !dependency.required { continue }
            if let disabled = project.disabledServices[name] {
                let profiles = disabled.profiles.joined(separator: ", ")
                throw invalid(
                    "service \"\(service.name)\" depends on undefined service \"\(name)\" (it is in profile \(profiles), "
                        + "which is not active)", service.location)
            }
            let hint = Spelling.nearest(to: name, among: Array(project.services.keys))
            throw invalid(
                "service \"\(service.name)\" depends on undefined service \"\(name)\"", service.location, hint: hint)
        }
    }

    private static func checkNetworks(_ service: Service, in project: Project) throws(BerthError) {
        if service.networkMode != nil, !service.networks.isEmpty {
            throw invalid(
                "service \(service.name) declares mutually exclusive `network_mode` and `networks`", service.location)
        }
        for name in service.networks.keys where project.networks[name] == nil {
            let hint = Spelling.nearest(to: name, among: Array(project.networks.keys))
            throw invalid(
                "service \"\(service.name)\" refers to undefined network \(name)", service.location, hint: hint)
        }
        if service.networkMode?.hasPrefix("service:") == true || service.networkMode?.hasPrefix("container:") == true,
            !service.ports.isEmpty
        {
            throw invalid(
                "service \"\(service.name)\" publishes ports but shares the network of \(service.networkMode ?? ""): "
                    + "publish them there", service.location)
        }
    }

    private static func checkStorage(_ service: Service, in project: Project) throws(BerthError) {
        for mount in service.volumes where mount.kind == .volume {
            guard let source = mount.source, project.volumes[source] == nil else { continue }
            let hint = Spelling.nearest(to: source, among: Array(project.volumes.keys))
            throw invalid(
                "service \"\(service.name)\" refers to undefined volume \(source)", mount.location, hint: hint)
        }
        var targets: Set<String> = []
        for mount in service.volumes where !targets.insert(mount.target).inserted {
            throw invalid("service \"\(service.name)\" mounts \(mount.target) twice", mount.location)
        }
    }

    private static func checkFiles(_ service: Service, in project: Project) throws(BerthError) {
        for secret in service.secrets + (service.build?.secrets ?? []) where project.secrets[secret.source] == nil {
            throw invalid("service \"\(service.name)\" refers to undefined secret \(secret.source)", secret.location)
        }
        for config in service.configs where project.configs[config.source] == nil {
            throw invalid("service \"\(service.name)\" refers to undefined config \(config.source)", config.location)
        }
    }

    private static func checkScale(_ service: Service) throws(BerthError) {
        if let scale = service.scale, let replicas = service.deploy?.replicas, scale != replicas {
            throw invalid(
                "services.\(service.name): can't set distinct values on 'scale' and 'deploy.replicas'", service.location
            )
        }
        if let name = service.containerName, service.replicas > 1 {
            throw invalid(
                "services.\(service.name): can't set container_name \"\(name)\" and \(service.replicas) replicas as "
                    + "container name must be unique", service.location)
        }
    }

    private static func checkContainerNames(_ project: Project) throws(BerthError) {
        var owners: [String: String] = [:]
        for service in project.services.values {
            guard let name = service.containerName else { continue }
            if let other = owners.updateValue(service.name, forKey: name) {
                throw invalid(
                    "services.\(service.name): container name \"\(name)\" is already in use by service \(other)",
                    service.location)
            }
        }
    }
}
