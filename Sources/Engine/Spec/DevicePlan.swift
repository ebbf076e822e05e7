import EngineAPI
import Errors
import Glibc
import Linux
import OCI

/// The device nodes of a container, and the rules of its cgroup that say which may be used.
struct DevicePlan {
    private(set) var nodes: [RuntimeSpec.Device]
    private(set) var rules: [RuntimeSpec.DeviceRule]

    init(_ host: HostConfig) throws(BerthError) {
        if host.privileged {
            nodes = HostDevices.all()
            rules = [RuntimeSpec.DeviceRule(allow: true, access: "rwm")]
        } else {
            nodes = Self.standardNodes
            rules = Self.standardRules
        }
        for mapping in host.devices ?? [] { try add(mapping) }
        if !host.privileged {
            for rule in host.deviceCgroupRules ?? [] { rules.append(try Self.parse(rule)) }
        }
    }

    private static let standardNodes: [RuntimeSpec.Device] = [
        ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
    ].map { name, major, minor in
        RuntimeSpec.Device(
            type: "c", path: "/dev/\(name)", major: major, minor: minor, fileMode: 0o666, uid: 0, gid: 0)
    }

    /// Everything is forbidden, then: any node may be made, the standard ones used, and terminals of
    /// the container's own devpts.
    private static let standardRules: [RuntimeSpec.DeviceRule] = {
        typealias Rule = RuntimeSpec.DeviceRule
        var rules = [
            Rule(allow: false, access: "rwm"), Rule(allow: true, type: "c", access: "m"),
            Rule(allow: true, type: "b", access: "m"),
        ]
        for node in standardNodes {
            rules.append(Rule(allow: true, type: "c", major: node.major, minor: node.minor, access: "rwm"))
        }
        let console: [(Int64, Int64?)] = [(5, 1), (5, 2), (136, nil)]
        for (major, minor) in console {
            rules.append(Rule(allow: true, type: "c", major: major, minor: minor, access: "rwm"))
        }
        return rules
    }()

    private mutating func add(_ mapping: DeviceMapping) throws(BerthError) {
        let source = mapping.pathOnHost
        let target = mapping.pathInContainer.isEmpty ? source : mapping.pathInContainer
        let access = mapping.cgroupPermissions.isEmpty ? "rwm" : mapping.cgroupPermissions
        guard access.allSatisfy({ "rwm".contains($0) }) else {
            throw .invalidArgument("invalid device mode: \(access)")
        }
        let found: [RuntimeSpec.Device]
        do throws(SystemError) {
            let status = try Files.status(source)
            found =
                status.isDirectory
                ? HostDevices.below(source, shownAs: target)
                : HostDevices.node(status, at: target).map { [$0] } ?? []
        } catch {
            throw .invalidArgument(
                "error gathering device information while adding custom device \"\(source)\": \(error.reason.lowercased())",
                cause: error)
        }
        guard !found.isEmpty else {
            throw .invalidArgument(
                "error gathering device information while adding custom device \"\(source)\": not a device node")
        }
        for device in found {
            nodes.removeAll { $0.path == device.path }
            nodes.append(device)
            rules.append(
                RuntimeSpec.DeviceRule(
                    allow: true, type: device.type, major: device.major, minor: device.minor, access: access))
        }
    }

    /// `c 13:* rwm`.
    static func parse(_ text: String) throws(BerthError) -> RuntimeSpec.DeviceRule {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        let numbers = words.count == 3 ? words[1].split(separator: ":", omittingEmptySubsequences: false) : []
        func number(_ text: Substring) -> Int64?? { text == "*" ? .some(nil) : Int64(text).map { .some($0) } }
        guard words.count == 3, ["a", "b", "c"].contains(words[0]), numbers.count == 2,
            let major = number(numbers[0]), let minor = number(numbers[1]), (1...3).contains(words[2].count),
            words[2].allSatisfy({ "rwm".contains($0) })
        else { throw .invalidArgument("invalid device cgroup rule format: '\(text)'") }
        return RuntimeSpec.DeviceRule(
            allow: true, type: String(words[0]), major: major, minor: minor, access: String(words[2]))
    }
}

/// Device nodes of the host.
enum HostDevices {
    /// All of `/dev` that a privileged container gets.
    static func all() -> [RuntimeSpec.Device] { below("/dev", shownAs: "/dev") }

    static func below(_ directory: String, shownAs target: String) -> [RuntimeSpec.Device] {
        guard let open = try? FileDescriptor.openDirectory(directory) else { return [] }
        return walk(open, target)
    }

    /// What belongs to this host's processes rather than to its hardware. The container has its own.
    private static let skipped: Set<String> = [
        "pts", "ptmx", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console",
    ]

    private static func walk(_ directory: FileDescriptor, _ path: String) -> [RuntimeSpec.Device] {
        var found: [RuntimeSpec.Device] = []
        for name in ((try? directory.entries()) ?? []).sorted() where !skipped.contains(name) {
            guard let status = try? directory.status(of: name) else { continue }
            if status.isDirectory {
                if let open = try? directory.open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) {
                    found += walk(open, "\(path)/\(name)")
                }
            } else if let device = node(status, at: "\(path)/\(name)") {
                found.append(device)
            }
        }
        return found
    }

    /// The device that a status is of; nil for anything else.
    static func node(_ status: FileStatus, at path: String) -> RuntimeSpec.Device? {
        let type: String
        switch status.kind {
        case .characterDevice: type = "c"
        case .blockDevice: type = "b"
        default: return nil
        }
        let number = status.specialDeviceParts
        return RuntimeSpec.Device(
            type: type, path: path, major: Int64(number.major), minor: Int64(number.minor),
            fileMode: UInt32(status.permissions), uid: status.userID, gid: status.groupID)
    }
}
