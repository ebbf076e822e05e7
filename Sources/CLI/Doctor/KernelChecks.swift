import Archive
import Glibc
import Linux

/// The kernel's version.
struct KernelVersionCheck: BlockingCheck {
    let packages: PackageManager

    func examine() -> [Finding] {
        [Self.finding(kernelValue("/proc/sys/kernel/osrelease") ?? "", repair: packages.newKernel)]
    }

    /// The newest call that starting a container cannot do without, `mount_setattr`, came with this.
    static let least = (major: 5, minor: 12)

    static func finding(_ release: String, repair: String) -> Finding {
        let numbers = release.split(separator: ".").prefix(2).map { Int($0.prefix { $0.isNumber }) }
        guard numbers.count == 2, let major = numbers[0], let minor = numbers[1] else {
            return .warning("kernel", "its version \"\(release)\" is not understood", repair: "uname -r")
        }
        guard (major, minor) >= least else {
            return .problem(
                "kernel", "\(release) is older than \(least.major).\(least.minor)",
                repair: repair)
        }
        return .ok("kernel", release)
    }
}

/// What the kernel was built with, for what cannot be tried.
struct KernelConfig: Sendable {
    /// Options that are built in or modules.
    let enabled: Set<String>

    init(_ text: String) {
        enabled = Set(
            text.split(separator: "\n").compactMap { line in
                guard line.hasSuffix("=y") || line.hasSuffix("=m") else { return nil }
                return String(line.dropLast(2))
            })
    }

    /// nil when the kernel does not tell.
    static func ofHost() -> KernelConfig? {
        let release = kernelValue("/proc/sys/kernel/osrelease") ?? ""
        for path in ["/proc/config.gz", "/boot/config-\(release)", "/lib/modules/\(release)/config"] {
            guard let file = try? FileDescriptor.open(path, O_RDONLY),
                let bytes = try? Decompressed(FileSource(file)).readToEnd(limit: 4 << 20)
            else { continue }
            return KernelConfig(String(decoding: bytes, as: UTF8.self))
        }
        return nil
    }

    /// Parts of nf_tables that the rules of networks are made of.
    static let ruleOptions = [
        "CONFIG_NF_TABLES", "CONFIG_NF_TABLES_INET", "CONFIG_NFT_CT", "CONFIG_NFT_NAT", "CONFIG_NFT_MASQ",
    ]

    func missing(_ options: [String]) -> [String] { options.filter { !enabled.contains($0) } }
}

/// What containers are made of, tried where this user may.
struct KernelFeatureCheck: BlockingCheck {
    /// What can be said of a feature.
    enum Outcome: Equatable {
        case works
        /// It takes rights that this user lacks.
        case notAllowed
        /// This is root, and yet.
        case forbidden(String)
        case fails(String)
    }

    let dataRoot: String
    let packages: PackageManager

    func examine() -> [Finding] {
        let config = KernelConfig.ofHost()
        func finding(_ subject: String, _ options: [String], module: String, _ outcome: Outcome) -> Finding {
            Self.finding(
                subject, options, repair: "modprobe \(module)", outcome, config, newKernel: packages.newKernel)
        }
        let overlay = finding(
            "overlay", ["CONFIG_OVERLAY_FS"], module: "overlay",
            Self.outcome { () throws(SystemError) in _ = try Mount.Configuration("overlay") })
        return [
            overlay.level == .ok ? trial() ?? overlay : overlay, namespaces(), seccomp(),
            finding(
                "nf_tables", KernelConfig.ruleOptions, module: "nf_tables",
                Self.inNamespace { () throws(SystemError) in
                    var socket = try NetfilterSocket()
                    _ = try socket.tables()
                }),
            finding(
                "bridge", ["CONFIG_BRIDGE"], module: "bridge",
                Self.inNamespace { () throws(SystemError) in
                    var socket = try RouteSocket()
                    try socket.execute([.createBridge(name: "doctor0", hardwareAddress: [2, 0, 0, 0, 0, 1], mtu: nil)])
                }),
            finding(
                "veth", ["CONFIG_VETH"], module: "veth",
                Self.inNamespace { () throws(SystemError) in
                    var socket = try RouteSocket()
                    try socket.execute([
                        .createVeth(
                            near: VethEnd(name: "doctor1"), far: VethEnd(name: "doctor2"), mtu: nil, master: nil)
                    ])
                }),
        ]
    }

    static func finding(
        _ subject: String, _ options: [String], repair: String, _ outcome: Outcome, _ config: KernelConfig?,
        newKernel: String
    ) -> Finding {
        let missing = config?.missing(options) ?? []
        switch outcome {
        case .forbidden(let reason): return .problem(subject, reason, repair: CapabilityCheck.remedy)
        case _ where !missing.isEmpty:
            return .problem(
                subject, "the kernel was built without \(missing.joined(separator: ", "))", repair: newKernel)
        case .works: return .ok(subject, "works (tried)")
        case .fails(let reason): return .problem(subject, reason, repair: repair)
        case .notAllowed:
            return .ok(
                subject, config == nil ? "not tried: that takes root" : "in the kernel; not tried: that takes root")
        }
    }

    private static func outcome(_ body: () throws(SystemError) -> Void) -> Outcome {
        do throws(SystemError) {
            try body()
            return .works
        } catch {
            guard [EPERM, EACCES].contains(error.errno) else { return .fails("\(error)") }
            return geteuid() == 0 ? .forbidden("\(error)") : .notAllowed
        }
    }

    /// In a network of its own, which is gone afterwards with all that was made in it.
    private static func inNamespace(_ body: @Sendable () throws(SystemError) -> Void) -> Outcome {
        outcome { () throws(SystemError) in
            let namespace = try NetworkNamespace.make()
            try namespace.run(body)
        }
    }

    /// A writable overlay on the file system that will hold the containers, attached nowhere. nil: not tried.
    private func trial() -> Finding? {
        guard geteuid() == 0 else { return nil }
        let place = DataRoot.existing(dataRoot)
        let outcome = Self.outcome { () throws(SystemError) in
            let folder = "\(place)/.berth-doctor.\(getpid())"
            try Files.makeDirectory(folder, mode: 0o700)
            defer { _ = try? Files.removeTree(folder) }
            for name in ["lower", "upper", "work"] { try Files.makeDirectory("\(folder)/\(name)") }
            _ = try Mount.overlay(
                OverlayLayers(
                    lower: ["\(folder)/lower"], writable: .init(upper: "\(folder)/upper", work: "\(folder)/work")))
        }
        guard case .fails(let reason) = outcome else {
            return Self.finding("overlay", [], repair: "", outcome, nil, newKernel: "")
        }
        return .problem("overlay", "none can be made at \(place): \(reason)", repair: DataRoot.elsewhere)
    }

    private func namespaces() -> Finding {
        let wanted = ["cgroup", "ipc", "mnt", "net", "pid", "uts"]
        let missing = wanted.filter { !Files.exists("/proc/self/ns/\($0)") }
        guard missing.isEmpty else {
            return .problem(
                "namespaces", "the kernel has none of kind \(missing.joined(separator: ", "))",
                repair: packages.newKernel)
        }
        return .ok("namespaces", wanted.joined(separator: " "))
    }

    private func seccomp() -> Finding {
        let actions = kernelValue("/proc/sys/kernel/seccomp/actions_avail") ?? ""
        guard actions.split(separator: " ").contains("errno") else {
            return .problem(
                "seccomp", "the kernel has no filters of system calls",
                repair: packages.newKernel)
        }
        return .ok("seccomp", actions)
    }
}

/// The controllers that limits of containers need.
struct CgroupCheck: BlockingCheck {
    func examine() -> [Finding] {
        guard let hierarchies = try? CgroupHierarchies.detect() else {
            return [.problem("cgroups", "/proc is not mounted", repair: "mount -t proc proc /proc")]
        }
        guard hierarchies.version2 != nil || !hierarchies.version1.isEmpty else {
            return [.problem("cgroups", "none are mounted", repair: "mount -t cgroup2 cgroup2 /sys/fs/cgroup")]
        }
        let present = hierarchies.version2Controllers.union(hierarchies.version1.flatMap(\.controllers))
        return [Self.controllers(mode: hierarchies.mode, present), Self.swap(limits: Self.swapLimits(hierarchies))]
    }

    static func controllers(mode: CgroupHierarchies.Mode, _ present: Set<String>) -> Finding {
        let name = ["v1": "version 1", "hybrid": "versions 1 and 2", "v2": "version 2"][mode.rawValue] ?? ""
        let missing = ["cpu", "memory", "pids"].filter { !present.contains($0) }
        guard missing.isEmpty else {
            // Some boards have their boot loader turn it off.
            return .problem(
                "cgroups", "\(name), without \(missing.joined(separator: ", "))",
                repair: BootLine.adding(missing.map { "cgroup_enable=\($0)" }.joined(separator: " ")))
        }
        return .ok("cgroups", "\(name), with cpu, memory and pids")
    }

    static func swap(limits: Bool?) -> Finding {
        switch limits {
        case true?: .ok("swap accounting", "on")
        case nil: .ok("swap accounting", "not known before there is a container")
        case false?:
            .warning("swap accounting", "off: --memory-swap has no effect", repair: BootLine.adding("swapaccount=1"))
        }
    }

    /// nil when it cannot be seen: the root of version 2 has no such file.
    private static func swapLimits(_ hierarchies: CgroupHierarchies) -> Bool? {
        if let memory = hierarchies.mountPoint(of: "memory") {
            return Files.exists(memory + "/memory.memsw.limit_in_bytes")
        }
        guard let root = hierarchies.version2, let names = try? FileDescriptor.openDirectory(root).entries() else {
            return nil
        }
        let limited = names.map { "\(root)/\($0)" }.filter { Files.exists($0 + "/memory.max") }
        return limited.isEmpty ? nil : limited.contains { Files.exists($0 + "/memory.swap.max") }
    }
}

/// The kernel's command line.
enum BootLine {
    static func adding(_ words: String) -> String {
        // Boards without GRUB are those that turn the memory controller off.
        if let file = ["/boot/firmware/cmdline.txt", "/boot/cmdline.txt"].first(where: { Files.exists($0) }) {
            return "sed -i 's/$/ \(words)/' \(file) && reboot"
        }
        let update = Files.exists("/boot/grub2") ? "grub2-mkconfig -o /boot/grub2/grub.cfg" : "update-grub"
        return "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&\(words) /' /etc/default/grub && \(update) && reboot"
    }
}

/// What the daemon may ever do, and so may let containers do.
struct CapabilityCheck: BlockingCheck {
    /// Docker's default set, and what making containers and networks takes.
    static let needed: [(names: [String], purpose: String)] = [
        (["SYS_ADMIN", "NET_ADMIN"], "making containers"),
        (
            [
                "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
                "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
            ], "the containers' default set"
        ),
    ]

    /// The daemon's process; nil: this one stands for it.
    let daemon: Int32?

    static var remedy: String {
        DaemonStart.usesSystemd
            ? "systemctl revert berthd.service && systemctl restart berthd.service"
            : "start berthd with all capabilities (in a container: with --privileged)"
    }

    func examine() -> [Finding] {
        let status = daemon.flatMap { try? Files.readText("/proc/\($0)/status") }
        return [Self.finding(status.flatMap(Self.bounding) ?? CapabilitySet.bounding())]
    }

    /// `CapBnd` of `/proc/PID/status`.
    static func bounding(_ status: String) -> CapabilitySet? {
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapBnd:") }
        guard let line, let bits = UInt64(line.dropFirst(7).filter { !$0.isWhitespace }, radix: 16) else { return nil }
        return CapabilitySet(rawValue: bits)
    }

    static func finding(_ bounding: CapabilitySet) -> Finding {
        for (names, purpose) in needed {
            let missing = CapabilitySet(names: names).subtracting(bounding)
            guard missing.isEmpty else {
                return .problem(
                    "capabilities", "\(missing.names.joined(separator: ", ")) cannot be had: \(purpose) needs it",
                    repair: remedy)
            }
        }
        return .ok("capabilities", "all that containers have by default")
    }
}
