import Errors
import Glibc
import Linux
import OCI

/// What is done to the tree once its mounts stand: devices, kernel settings, paths that are hidden
/// or made read-only, and the switch of roots.
extension RootDirectory {
    // MARK: Devices

    /// Device nodes and the customary links, made in the container's own `/dev`; a `/dev` of the host's is
    /// left as it is.
    func makeDevices(_ devices: [RuntimeSpec.Device], inOwnDirectory: Bool = true) throws(BerthError) {
        guard inOwnDirectory else { return }
        for device in devices {
            do throws(SystemError) {
                try make(device)
            } catch {
                throw BerthError("making device \(device.path)", error)
            }
        }
        guard let dev = try? find("/dev"), let directory = try? dev.openReadable() else { return }
        let links = [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx"),
        ]
        for (name, target) in links {
            // An image or a mount may have brought its own.
            do throws(SystemError) {
                try directory.makeSymbolicLink(name, to: target)
            } catch {
                if error.errno != EEXIST && error.errno != EROFS { throw BerthError("linking /dev/\(name)", error) }
            }
        }
        if Files.exists("/proc/kcore") { try? directory.makeSymbolicLink("core", to: "/proc/kcore") }
    }

    private func make(_ device: RuntimeSpec.Device) throws(SystemError) {
        let directory = try makeDirectories(Files.parent(of: device.path)).openReadable()
        let name = Files.lastComponent(of: device.path)
        let kind: mode_t =
            switch device.type {
            case "b": S_IFBLK
            case "p": S_IFIFO
            default: S_IFCHR
            }
        let number = makeDeviceNumber(major: UInt32(device.major ?? 0), minor: UInt32(device.minor ?? 0))
        let mode = mode_t(device.fileMode ?? 0o666) & 0o7777
        do throws(SystemError) {
            try directory.makeNode(name, mode: kind | mode, device: number)
        } catch {
            switch error.errno {
            case EEXIST: return
            case EPERM:
                // No right to make nodes (user namespace): show the host's own.
                let target = try makeFile(device.path)
                return try Mount.attach(try Mount.clone(device.path), on: target)
            default: throw error
            }
        }
        try directory.changeMode(name, mode: mode)  // whatever the umask was
        try directory.changeOwner(name, user: device.uid ?? 0, group: device.gid ?? 0)
    }

    /// Shows the terminal as `/dev/console`: the one that is open, whatever has its name by now.
    func bindConsole(_ terminal: PseudoTerminal) throws(SystemError) {
        let target = try makeFile("/dev/console")
        try Mount.attach(try Mount.clone("", in: terminal.slave), on: target)
    }

    // MARK: Kernel settings

    /// Writes sysctls into the container's own `/proc/sys`, having made sure that it is one.
    func writeSysctls(_ settings: [String: String]) throws(BerthError) {
        for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
            let path = "/proc/sys/" + Self.sysctlPath(name)
            do throws(SystemError) {
                let file = try descriptor.openInRoot(path, O_WRONLY)
                guard try file.fileSystemMagic() == 0x9fa0 else {
                    throw SystemError("open", errno: EXDEV, subject: path)
                }
                try file.writeAll(value)
            } catch {
                throw BerthError("setting sysctl \(name)", SystemError(error.call, errno: error.errno, subject: path))
            }
        }
    }

    /// Dots separate, and a slash stands for a dot in a name (`net.ipv4.conf.eth0/100.mtu`); or the other
    /// way round, when a slash comes first: the rule of sysctl(8).
    static func sysctlPath(_ name: String) -> String {
        guard name.first(where: { $0 == "." || $0 == "/" }) == "." else { return name }
        return String(name.map { $0 == "." ? "/" : $0 == "/" ? "." : $0 })
    }

    // MARK: Hidden and read-only paths

    /// Hides files behind `/dev/null` of the host and directories behind an empty read-only tmpfs.
    /// The null device is read-only as a file: what is written to it vanishes as ever, but nobody in
    /// the container can change the permissions or the owner of the host's.
    func mask(_ paths: [String]) throws(BerthError) {
        for path in paths {
            do throws(SystemError) {
                guard let target = try find(path) else { continue }
                if try target.status().isDirectory {
                    let empty = try Mount.Configuration("tmpfs").mount([.readOnly, .noSetID, .noExecution, .noDevices])
                    try Mount.attach(empty, on: target)
                } else {
                    let null = try Mount.clone("/dev/null")
                    try Mount.setAttributes(null, set: [.readOnly, .noSetID, .noExecution])
                    try Mount.attach(null, on: target)
                }
            } catch {
                throw BerthError("masking \(path)", error)
            }
        }
    }

    func makeReadOnly(_ paths: [String]) throws(BerthError) {
        for path in paths {
            do throws(SystemError) {
                guard let target = try find(path) else { continue }
                let clone = try Mount.clone("", in: target, recursive: true)
                try Mount.setAttributes(clone, set: .readOnly, recursive: true)
                try Mount.attach(clone, on: target)
            } catch {
                throw BerthError("making \(path) read-only", error)
            }
        }
    }

    // MARK: The switch

    /// Makes this the root of this process and lets go of the old one.
    func becomeRoot(_ change: RootSwitch, readOnly: Bool) throws(BerthError) {
        do throws(SystemError) {
            switch change {
            case .pivot(let propagation, let isShared): try pivot(propagation, isShared: isShared)
            case .move: try moveOverOld()
            case .changeRoot:
                try descriptor.changeDirectory()
                try systemCall("chroot", ".") { chroot(".") }
            }
            try systemCall("chdir", "/") { chdir("/") }
            if readOnly {
                try Mount.setAttributes(try FileDescriptor.open("/", FileDescriptor.pathOnly), set: .readOnly)
            }
        } catch {
            throw BerthError("switching to the new root", error)
        }
    }

    private func pivot(_ propagation: Mount.Propagation?, isShared: Bool) throws(SystemError) {
        let old = isShared ? try FileDescriptor.open("/", FileDescriptor.pathOnly | O_DIRECTORY) : nil
        try descriptor.changeDirectory()
        // New root and old root may be the same place: the old one ends up on top of the new,
        // and is then taken off.
        try pivotRoot(".", ".")
        // Else the host would lose its mounts together with us.
        if let old { try Mount.setAttributes(old, propagation: .slave, recursive: true) }
        try Mount.unmount(".", detached: true)
        guard let propagation else { return }
        try Mount.setAttributes(try FileDescriptor.open("/", FileDescriptor.pathOnly), propagation: propagation)
    }

    /// For an initial RAM file system, which cannot be exchanged. What the host has in /proc and /sys
    /// goes first: a mount below the old root stays reachable by who finds a way under the new one.
    private func moveOverOld() throws(SystemError) {
        let mounts = MountInfo.parse(try Files.readText("/proc/self/mountinfo")).map(\.mountPoint)
        try descriptor.changeDirectory()
        let own = try currentDirectory()
        for place in mounts.reversed() where place.hasPrefix("/proc") || place.hasPrefix("/sys") {
            if place != own, !place.hasPrefix(own + "/") { try? Mount.unmount(place, detached: true) }
        }
        try Mount.legacy(source: own, target: "/", type: nil, flags: UInt(MS_MOVE))
        try systemCall("chroot", ".") { chroot(".") }
    }
}
