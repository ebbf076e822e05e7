import EngineAPI
import Errors
import Linux

extension SpecInput {
    /// What the record says, with names of other containers turned into their namespaces.
    ///
    /// - Parameter joins: false for what is not about namespaces: those of a container that runs already
    ///   are what they are, even if the one that it shared them with is gone.
    init(_ record: ContainerRecord, services: Services, joins: Bool = true) throws {
        let configuration = services.configuration
        let directory = configuration.directory(of: joins ? try record.networkOwner(services) : record.id)
        var host = record.hostConfig
        if !joins {
            host.networkMode = ""
            host.pidMode = ""
            host.ipcMode = ""
        }
        self.init(
            id: record.id, config: record.config, hostConfig: host, mounts: record.mounts,
            hostname: record.config.hostname, domainname: record.config.domainname,
            hostsFile: directory + "/hosts", hostnameFile: directory + "/hostname",
            resolvFile: directory + "/resolv.conf",
            network: try Self.namespace(host.networkMode, "net", services, default: .new),
            pid: try Self.namespace(host.pidMode, "pid", services, default: .new),
            ipc: try Self.namespace(host.ipcMode, "ipc", services, default: .new),
            uts: host.utsMode == "host" ? .host : .new,
            cgroup: host.cgroupnsMode == "host" ? .host : .new,
            caBundle: record.handsCABundle ? configuration.caBundle : nil,
            initPath: host.initProcess ?? configuration.usesInitByDefault ? configuration.shimPath : nil,
            cgroupPath: Self.cgroupPath(record, configuration), defaultShmSize: configuration.defaultShmSize,
            sharedMemory: try Self.sharedMemory(record, host.ipcMode, services))
    }

    private static func namespace(
        _ mode: String, _ kind: String, _ services: Services, default fallback: NamespaceChoice
    ) throws -> NamespaceChoice {
        if mode == "host" { return .host }
        guard mode.hasPrefix("container:") else { return fallback }
        let name = String(mode.dropFirst("container:".count))
        let other = try services.board.find(name)
        guard let run = other.phase.run else {
            throw BerthError.conflict("cannot join \(kind) of a non running container: \(other.record.id)")
        }
        return .path("/proc/\(run.pid)/ns/\(kind)")
    }

    /// What others may share lies on the host; everything else has its own.
    private static func sharedMemory(
        _ record: ContainerRecord, _ mode: String, _ services: Services
    ) throws -> SharedMemory? {
        if mode == "shareable" {
            return .shared(path: HostMounts(record, configuration: services.configuration).sharedMemory)
        }
        let prefix = "container:"
        guard mode.hasPrefix(prefix) else { return nil }
        let donor = try services.board.find(String(mode.dropFirst(prefix.count))).record
        switch donor.hostConfig.ipcMode {
        case "host", "shareable": break
        case let other where other.hasPrefix(prefix): break
        default:
            throw BerthError.conflict(
                "cannot join IPC of container \(donor.id): non-shareable IPC "
                    + "(hint: use IpcMode:shareable for the donor container)")
        }
        return donor.hostConfig.ipcMode == "host"
            ? nil : try sharedMemory(donor, donor.hostConfig.ipcMode, services)
    }

    static func cgroupPath(_ record: ContainerRecord, _ configuration: EngineConfiguration) -> String {
        let parent =
            record.hostConfig.cgroupParent.isEmpty ? configuration.cgroupParent : record.hostConfig.cgroupParent
        return "\(parent)/\(record.id)"
    }
}

extension ContainerRecord {
    /// The container whose network this one lives in, and whose `/etc/hosts` and name it has: itself, or
    /// the one named by `--network container:`.
    func networkOwner(_ services: Services) throws -> String {
        let prefix = "container:"
        guard hostConfig.networkMode.hasPrefix(prefix) else { return id }
        return try services.board.find(String(hostConfig.networkMode.dropFirst(prefix.count))).record.id
    }
}
