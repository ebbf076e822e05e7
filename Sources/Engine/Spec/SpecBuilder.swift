import EngineAPI
import Errors
import Linux
import OCI

/// Turns Docker's words into `config.json` of the OCI runtime specification, with Docker's defaults.
struct SpecBuilder: Sendable {
    let hierarchies: CgroupHierarchies
    /// What the host can give at all. A capability that it lacks is left out without a word, so that
    /// `--privileged` is what there is.
    let available: CapabilitySet
    /// How many files a process may open that is told nothing else.
    var openFiles: (soft: UInt64, hard: UInt64)?

    func build(_ input: SpecInput) throws(BerthError) -> RuntimeSpec {
        let security = try SecurityOptions(input.hostConfig)
        var spec = RuntimeSpec()
        spec.root = RuntimeSpec.Root(path: "rootfs", readonly: input.hostConfig.readonlyRootfs ? true : nil)
        spec.process = try process(input, security)
        if input.uts == .new {
            spec.hostname = input.hostname.isEmpty ? nil : input.hostname
            spec.domainname = input.domainname.isEmpty ? nil : input.domainname
        }
        spec.mounts = try MountPlan(input).mounts()
        spec.annotations = input.hostConfig.annotations
        spec.linux = try linux(input, security)
        return spec
    }

    private func linux(_ input: SpecInput, _ security: SecurityOptions) throws(BerthError) -> RuntimeSpec.Linux {
        let host = input.hostConfig
        guard (host.deviceRequests ?? []).isEmpty else { throw Self.noDeviceDriver(host.deviceRequests ?? []) }
        var linux = RuntimeSpec.Linux()
        linux.namespaces = namespaces(input)
        linux.cgroupsPath = input.cgroupPath
        linux.rootfsPropagation = Self.rootPropagation(input.mounts)
        let devices = try DevicePlan(host)
        linux.devices = devices.nodes
        var resources = try ResourceTranslation(hierarchies: hierarchies).resources(host)
        resources.devices = devices.rules
        linux.resources = resources
        linux.sysctl = try SysctlPlan(input).settings()
        if !host.privileged, !security.showsSystemPaths {
            linux.maskedPaths = host.maskedPaths ?? SystemPaths.masked
            linux.readonlyPaths = host.readonlyPaths ?? SystemPaths.readOnly
        }
        return linux
    }

    private func namespaces(_ input: SpecInput) -> [RuntimeSpec.Namespace] {
        var namespaces = [RuntimeSpec.Namespace(.mount)]
        let choices: [(RuntimeSpec.Namespace.Kind, NamespaceChoice)] = [
            (.network, input.network), (.uts, input.uts), (.pid, input.pid), (.ipc, input.ipc), (.cgroup, input.cgroup),
        ]
        for (kind, choice) in choices {
            switch choice {
            case .new: namespaces.append(RuntimeSpec.Namespace(kind))
            case .path(let path): namespaces.append(RuntimeSpec.Namespace(kind, path: path))
            case .host: break
            }
        }
        return namespaces
    }

    /// A mount that is to see the host's later mounts needs a root that lets them through.
    private static func rootPropagation(_ mounts: [ResolvedMount]) -> String? {
        let wanted = Set(mounts.map(\.propagation))
        if !wanted.isDisjoint(with: ["shared", "rshared"]) { return "rshared" }
        if !wanted.isDisjoint(with: ["slave", "rslave"]) { return "rslave" }
        return nil
    }

    private static func noDeviceDriver(_ requests: [DeviceRequest]) -> BerthError {
        let request = requests[0]
        let capabilities = (request.capabilities ?? []).map { "[\($0.joined(separator: " "))]" }.joined(separator: " ")
        return .invalidArgument(
            "could not select device driver \"\(request.driver)\" with capabilities: [\(capabilities)]")
    }
}

/// Paths of `/proc` and `/sys` that tell of, or reach, more than the container.
enum SystemPaths {
    static let masked: [String] = fixed + thermalThrottle()

    static let readOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

    private static let fixed = [
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
        "/sys/devices/virtual/powercap", "/sys/firmware",
    ]

    /// Counters that tell what other tenants of the machine do.
    private static func thermalThrottle() -> [String] {
        let processors = "/sys/devices/system/cpu"
        guard let names = try? FileDescriptor.openDirectory(processors).entries() else { return [] }
        return names.filter { $0.hasPrefix("cpu") && $0.dropFirst(3).allSatisfy(\.isNumber) }
            .map { "\(processors)/\($0)/thermal_throttle" }
            .filter { Files.exists($0) }
            .sorted()
    }
}
