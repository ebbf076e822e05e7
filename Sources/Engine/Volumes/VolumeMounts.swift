import Errors
import Glibc
import Linux

/// Volumes of the local driver that are file systems of their own (`--opt type=nfs` and so on): mounted
/// while a container uses them.
actor VolumeMounts {
    private let registry: VolumeRegistry
    private var users: [String: Set<String>] = [:]
    /// The last change of each volume: they follow one another.
    private var changes: [String: Task<Void, any Error>] = [:]

    init(_ registry: VolumeRegistry) { self.registry = registry }

    func acquire(_ volume: VolumeRecord, for user: String) async throws {
        users[volume.name, default: []].insert(user)
        do {
            try await settle(volume)
        } catch {
            users[volume.name]?.remove(user)
            throw error
        }
    }

    func release(_ volume: VolumeRecord, from user: String) async throws {
        guard users[volume.name]?.remove(user) != nil else { return }
        if users[volume.name]?.isEmpty == true { users[volume.name] = nil }
        try await settle(volume)
    }

    /// Makes the mount agree with whether the volume is used: at the start of the daemon as well.
    func settle(_ volume: VolumeRecord) async throws {
        let before = changes[volume.name]
        let change = Task {
            _ = try? await before?.value
            try await reconcile(volume)
        }
        changes[volume.name] = change
        defer { if changes[volume.name] == change { changes[volume.name] = nil } }
        try await change.value
    }

    private func reconcile(_ volume: VolumeRecord) async throws {
        let isUsed = users[volume.name] != nil
        let path = registry.path(of: volume.name)
        try await blocking {
            let isMounted = try Self.isMounted(path)
            if isUsed, !isMounted { try LocalVolume(volume.options).mount(at: path) }
            if !isUsed, isMounted { try Mount.unmount(path, detached: false) }
        }
    }

    private static func isMounted(_ path: String) throws -> Bool {
        let real = try FileDescriptor.openDirectory("/proc/self").open("mountinfo", O_RDONLY).readToEnd()
        return MountInfo.parse(String(decoding: real, as: UTF8.self)).contains { $0.mountPoint == path }
    }
}

/// The options of the local driver: what `mount -t TYPE -o O DEVICE` would take.
struct LocalVolume: Sendable {
    private let type: String
    private let device: String
    private let options: [String]

    /// Throws `invalidArgument` in Docker's words.
    init(_ options: [String: String]) throws(BerthError) {
        for name in options.keys.sorted() where !["type", "o", "device", "size"].contains(name) {
            throw .invalidArgument("invalid option: \"\(name)\"")
        }
        if options["size"] != nil {
            throw .invalidArgument("quota size requested but no quota support: for a tmpfs use --opt o=size=SIZE")
        }
        let required = [("device", ["type"]), ("type", ["device"]), ("o", ["device", "type"])]
        for (name, others) in required where options[name] != nil {
            for other in others where options[other] == nil {
                throw .invalidArgument("missing required option: \"\(other)\"")
            }
        }
        type = options["type"] ?? ""
        device = options["device"] ?? ""
        self.options = (options["o"] ?? "").split(separator: ",").map(String.init)
    }

    /// Flags of mount(2) by their words; false clears.
    private static let flags: [String: (bit: UInt, sets: Bool)] = [
        "ro": (1, true), "rw": (1, false), "nosuid": (2, true), "suid": (2, false), "nodev": (4, true),
        "dev": (4, false), "noexec": (8, true), "exec": (8, false), "sync": (16, true), "async": (16, false),
        "mand": (64, true), "nomand": (64, false), "dirsync": (128, true), "noatime": (1024, true),
        "atime": (1024, false), "nodiratime": (2048, true), "diratime": (2048, false), "bind": (4096, true),
        "rbind": (4096 | 16384, true), "relatime": (1 << 21, true), "norelatime": (1 << 21, false),
        "strictatime": (1 << 24, true), "nostrictatime": (1 << 24, false), "defaults": (0, true),
    ]
    private static let bindFlag: UInt = 4096
    private static let remountFlag: UInt = 32

    /// Blocking; a server that is away may make it wait long.
    func mount(at path: String) throws {
        var bits: UInt = 0
        var data: [String] = []
        for option in options {
            if let flag = Self.flags[option] {
                bits = flag.sets ? bits | flag.bit : bits & ~flag.bit
            } else {
                data.append(try resolved(option))
            }
        }
        let device = try resolvedDevice()
        do throws(SystemError) {
            try Mount.legacy(
                source: device, target: path, type: bits & Self.bindFlag != 0 || type == "none" ? nil : type,
                flags: bits, data: data.isEmpty ? nil : data.joined(separator: ","))
            // A bind takes its other flags only afterwards.
            if bits & Self.bindFlag != 0, bits & 0xf != 0 {
                try Mount.legacy(source: nil, target: path, type: nil, flags: bits & ~16384 | Self.remountFlag)
            }
        } catch {
            throw BerthError(
                .internal,
                "failed to mount local volume: mount \(device):\(path)"
                    + (data.isEmpty ? "" : ", data: \(data.joined(separator: ","))") + ": \(error.reason.lowercased())",
                cause: error)
        }
    }

    /// The kernel wants addresses where users write names.
    private func resolved(_ option: String) throws -> String {
        guard type.hasPrefix("nfs") || type == "cifs", option.hasPrefix("addr=") else { return option }
        return "addr=" + (try HostName.address(of: String(option.dropFirst(5))))
    }

    private func resolvedDevice() throws -> String {
        // `//server/share`
        guard type == "cifs", device.hasPrefix("//") else { return device }
        let parts = device.dropFirst(2).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let server = parts.first, !options.contains(where: { $0.hasPrefix("addr=") || $0.hasPrefix("ip=") })
        else { return device }
        return "//" + (try HostName.address(of: String(server))) + "/" + parts.dropFirst().joined()
    }
}

/// Names of hosts, by the host's own resolver. Blocking.
enum HostName {
    /// The first address of a host, as a literal.
    static func address(of name: String) throws(BerthError) -> String {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(name, nil, &hints, &list)
        defer { if list != nil { freeaddrinfo(list) } }
        guard code == 0, let first = list else {
            throw .unavailable("the host \(name) is not known: \(String(cString: gai_strerror(code)))")
        }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        getnameinfo(
            first.pointee.ai_addr, first.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
