import EngineAPI
import Errors
import Linux
import OCI

/// The mounts of a container in the order in which they are made: Docker's own, the user's, and the
/// files of `/etc` that the engine writes.
struct MountPlan {
    private let input: SpecInput
    private var host: HostConfig { input.hostConfig }

    init(_ input: SpecInput) { self.input = input }

    func mounts() throws(BerthError) -> [RuntimeSpec.Mount] {
        let chosen = try chosenMounts()
        let taken = Set(chosen.map(\.destination))
        let hidesDevices = taken.contains("/dev")
        var own = standardMounts() + etcFiles() + engineFiles()
        own.removeAll { taken.contains($0.destination) || (hidesDevices && $0.destination.hasPrefix("/dev/")) }
        if host.readonlyRootfs { own = own.map(Self.readOnlyWithRoot) }
        // What lies deeper comes later, or it would be hidden by what lies above it.
        return (own + chosen).enumerated()
            .sorted { ($0.element.depth, $0.offset) < ($1.element.depth, $1.offset) }
            .map(\.element)
    }

    // MARK: Docker's own

    private func standardMounts() -> [RuntimeSpec.Mount] {
        // Writable for a privileged container, unless all of its root is read-only.
        let access = host.privileged && !host.readonlyRootfs ? "rw" : "ro"
        func mount(_ destination: String, _ type: String, _ source: String, _ options: [String]) -> RuntimeSpec.Mount {
            RuntimeSpec.Mount(destination: destination, type: type, source: source, options: options)
        }
        return [
            mount("/proc", "proc", "proc", ["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount(
                "/dev/pts", "devpts", "devpts",
                ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", access]),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", [access, "nosuid", "noexec", "nodev"]),
            mount("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
        ] + sharedMemory()
    }

    private func sharedMemory() -> [RuntimeSpec.Mount] {
        let standard: SharedMemory =
            switch (host.ipcMode, input.ipc) {
            case ("none", _): .none
            case (_, .host): .shared(path: "/dev/shm")
            default: .own
            }
        switch input.sharedMemory ?? standard {
        case .none: return []
        case .shared(let path): return [Self.bind(path, at: "/dev/shm", ["rbind", "rprivate"])]
        case .own:
            let size = host.shmSize > 0 ? host.shmSize : input.defaultShmSize
            return [
                RuntimeSpec.Mount(
                    destination: "/dev/shm", type: "tmpfs", source: "shm",
                    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=\(size)"])
            ]
        }
    }

    private func etcFiles() -> [RuntimeSpec.Mount] {
        let files = [
            (input.resolvFile, "/etc/resolv.conf"), (input.hostnameFile, "/etc/hostname"),
            (input.hostsFile, "/etc/hosts"),
        ]
        return files.compactMap { source, destination in
            source.map { Self.bind($0, at: destination, ["rbind", "rprivate"]) }
        }
    }

    private func engineFiles() -> [RuntimeSpec.Mount] {
        var mounts: [RuntimeSpec.Mount] = []
        if SpecBuilder.usesInit(input), let program = input.initPath {
            mounts.append(Self.bind(program, at: InitProgram.path, ["bind", "ro", "rprivate"]))
        }
        if let bundle = input.caBundle, Self.handsCertificates(input) {
            mounts.append(
                Self.bind(
                    bundle, at: CertificateBundle.path, ["bind", "ro", "nosuid", "nodev", "noexec", "rprivate"]))
        }
        return mounts
    }

    /// The certificates lie in the container's own `/dev`, whose mount points vanish with it. Where
    /// the user brought a `/dev`, there is no such place.
    static func handsCertificates(_ input: SpecInput) -> Bool {
        input.caBundle != nil && !input.mounts.contains { $0.destination == "/dev" }
            && input.hostConfig.tmpfs?["/dev"] == nil
    }

    /// What a read-only root adds to the mounts that are part of it. Those that programs cannot do
    /// without stay writable.
    private static func readOnlyWithRoot(_ mount: RuntimeSpec.Mount) -> RuntimeSpec.Mount {
        if ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"].contains(mount.destination) { return mount }
        var mount = mount
        let options = mount.options ?? []
        if !options.contains("ro") { mount.options = options.filter { $0 != "rw" } + ["ro"] }
        return mount
    }

    private static func bind(_ source: String, at destination: String, _ options: [String]) -> RuntimeSpec.Mount {
        RuntimeSpec.Mount(destination: destination, type: "bind", source: source, options: options)
    }

    // MARK: The user's

    private func chosenMounts() throws(BerthError) -> [RuntimeSpec.Mount] {
        var mounts: [RuntimeSpec.Mount] = []
        for mount in input.mounts { mounts.append(try convert(mount)) }
        let resolved = Set(mounts.map(\.destination))
        for (path, options) in (host.tmpfs ?? [:]).sorted(by: { $0.key < $1.key }) {
            let path = path.hasSuffix("/") && path.count > 1 ? String(path.dropLast()) : path
            if resolved.contains(path) { continue }
            mounts.append(try tmpfs(path, options.split(separator: ",").map(String.init), isReadOnly: false))
        }
        return mounts
    }

    private func convert(_ mount: ResolvedMount) throws(BerthError) -> RuntimeSpec.Mount {
        try Self.checkBelowProc(mount.destination)
        switch mount.kind {
        case .tmpfs: return try tmpfs(mount.destination, mount.options, isReadOnly: mount.isReadOnly)
        case .image: return Self.image(mount)
        case .bind, .volume:
            let propagation = mount.propagation.isEmpty ? "rprivate" : mount.propagation
            var options = [mount.isRecursive ? "rbind" : "bind"]
            if mount.isReadOnly {
                // Mounts below become read-only too, unless changes of the host's come through.
                let isClosed = propagation == "rprivate" || propagation == "private"
                options.append(mount.isRecursive && (mount.readsOnlyBelow ?? isClosed) ? "rro" : "ro")
            }
            options.append(propagation)
            return Self.bind(mount.source, at: mount.destination, options)
        }
    }

    /// Another image's files, read-only. An overlay that takes no writes wants two layers at least.
    private static func image(_ mount: ResolvedMount) -> RuntimeSpec.Mount {
        let layers = mount.image?.layers ?? []
        guard layers.count > 1 else {
            return bind(layers.first ?? mount.source, at: mount.destination, ["bind", "ro", "nodev", "rprivate"])
        }
        return RuntimeSpec.Mount(
            destination: mount.destination, type: "overlay", source: "overlay",
            options: ["ro", "nodev", "rprivate"] + layers.reversed().map { "lowerdir+=\($0)" })
    }

    private func tmpfs(_ path: String, _ options: [String], isReadOnly: Bool) throws(BerthError) -> RuntimeSpec.Mount {
        try Self.checkBelowProc(path)
        guard path.hasPrefix("/"), path != "/" else {
            throw .invalidArgument("invalid tmpfs mount path \"\(path)\": it must be absolute and not \"/\"")
        }
        let merged = try TmpfsMountOptions.merge(options + (isReadOnly ? ["ro"] : []))
        return RuntimeSpec.Mount(destination: path, type: "tmpfs", source: "tmpfs", options: merged + ["rprivate"])
    }

    /// Programs trust `/proc`: only files that are known to be harmless there may be replaced, which
    /// is how tools show a container its own limits.
    private static func checkBelowProc(_ destination: String) throws(BerthError) {
        guard destination.hasPrefix("/proc/") else { return }
        let replaceable: Set<String> = [
            "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
            "/proc/loadavg", "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid",
            "/proc/sys/crypto/fips_enabled",
        ]
        guard replaceable.contains(destination) else {
            throw .invalidArgument("\"\(destination)\" cannot be mounted because it is inside /proc")
        }
    }
}

extension RuntimeSpec.Mount {
    fileprivate var depth: Int { destination.split(separator: "/").count }
}

/// Options of a tmpfs as users write them.
enum TmpfsMountOptions {
    private static let flags: Set<String> = [
        "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync", "remount", "mand",
        "nomand", "atime", "noatime", "diratime", "nodiratime", "bind", "rbind", "unbindable", "runbindable",
        "private", "rprivate", "shared", "rshared", "slave", "rslave", "relatime", "norelatime", "strictatime",
        "nostrictatime",
    ]
    private static let keys: Set<String> = ["size", "mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol"]

    /// Docker's defaults below the user's words; a later word of a pair (`exec`, `noexec`) wins.
    static func merge(_ options: [String]) throws(BerthError) -> [String] {
        var merged: [String] = []
        var seen: Set<Substring> = []
        for option in (["noexec", "nosuid", "nodev"] + options).reversed() where option != "defaults" {
            let key: Substring
            if flags.contains(option) {
                key =
                    option.hasPrefix("no") ? option.dropFirst(2) : option == "ro" || option == "rw" ? "rw" : option[...]
            } else {
                key = option.prefix { $0 != "=" }
                guard keys.contains(String(key)), key.endIndex != option.endIndex else {
                    throw .invalidArgument(
                        "invalid tmpfs option [\(option.split(separator: "=", maxSplits: 1).map { "\"\($0)\"" }.joined(separator: " "))]"
                    )
                }
            }
            if seen.insert(key).inserted { merged.append(option) }
        }
        return merged.reversed()
    }
}

/// Certificate authorities of the host, handed to a container without a trace in its layers.
enum CertificateBundle {
    static let path = "/dev/berth-ca.crt"

    /// What the common tools and libraries look at: OpenSSL and Go, curl, Python requests and pip,
    /// git, Node, AWS tools, cargo, Deno.
    static let variables = [
        "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS",
        "AWS_CA_BUNDLE", "CARGO_HTTP_CAINFO", "DENO_CERT",
    ]
}
