import Errors
import Glibc
import Linux
import OCI

/// The mounts of `config.json`, one by one.
extension TreeBuilder {
    func mount(
        _ mount: RuntimeSpec.Mount, prepared: FileDescriptor?, in root: RootDirectory
    ) throws(BerthError) {
        let options = MountOptions(mount.options ?? [])
        do throws(SystemError) {
            if options.isRemount {
                try remount(mount, options, in: root)
            } else if options.isBind || mount.type == "bind" {
                try bind(mount, options, prepared: prepared, in: root)
            } else if mount.type == "cgroup" || mount.type == "cgroup2" {
                try mountCgroups(mount, options, in: root)
            } else {
                try mountFileSystem(mount, options, in: root)
            }
            guard !options.propagations.isEmpty, let mounted = try root.find(mount.destination) else { return }
            for (propagation, recursive) in options.propagations {
                try Mount.setAttributes(mounted, propagation: propagation, recursive: recursive)
            }
        } catch {
            throw BerthError(
                "mounting \"\(mount.source ?? mount.type ?? "")\" to rootfs at \"\(mount.destination)\"", error)
        }
    }

    // MARK: File systems of their own

    private func mountFileSystem(
        _ mount: RuntimeSpec.Mount, _ options: MountOptions, in root: RootDirectory
    ) throws(SystemError) {
        let type = mount.type ?? "none"
        let isSystem = type == "proc" || type == "sysfs"
        let covered = try root.find(mount.destination)
        let target =
            try isSystem ? root.makeOrdinaryDirectory(mount.destination) : root.makeDirectories(mount.destination)
        if !isSystem { try root.checkReplaceable(target, mount.destination) }
        var options = options
        var attributes = options.attributes.set
        // A tmpfs takes the mount points of what is mounted in it, also when it is read-only in the end.
        let isLate = type == "tmpfs" && attributes.contains(.readOnly)
        if isLate { attributes.remove(.readOnly) }
        // What can be seen through a read-only mount alone must not be written by the file system either.
        if attributes.contains(.readOnly), mount.source?.hasPrefix("/") == true { options.data.append("ro") }
        if type == "tmpfs", let covered, !options.data.contains(where: { $0.hasPrefix("mode=") }) {
            options.data.append("mode=" + String(try covered.status().permissions, radix: 8))
        }
        let mounted: FileDescriptor
        do throws(SystemError) {
            mounted = try fileSystem(type, mount.source, options, attributes)
        } catch {
            // Root of a user namespace may mount /sys only together with a network of its own.
            guard error.errno == EPERM, type == "sysfs", spec.usesUserNamespace else { throw error }
            mounted = try Mount.clone("/sys", recursive: true)
            try Mount.setAttributes(mounted, set: attributes, recursive: true)
        }
        if options.copiesUp, type == "tmpfs", let covered { try TreeCopy.copy(covered, to: mounted) }
        try setRecursively(options, on: mounted)
        try Mount.attach(mounted, on: target)
        if isLate { lateReadOnly.append((mounted, mount.destination)) }
    }

    private func fileSystem(
        _ type: String, _ source: String?, _ options: MountOptions, _ attributes: Mount.Attributes
    ) throws(SystemError) -> FileDescriptor {
        let configuration = try Mount.Configuration(type)
        if let source { try configuration.set("source", source) }
        for item in options.data where item != "newinstance" {
            if let equals = item.firstIndex(of: "=") {
                try configuration.set(String(item[..<equals]), String(item[item.index(after: equals)...]))
            } else {
                try configuration.setFlag(item)
            }
        }
        return try configuration.mount(attributes)
    }

    private func setRecursively(_ options: MountOptions, on mount: FileDescriptor) throws(SystemError) {
        guard !options.recursiveAttributes.isEmpty else { return }
        try setAttributes(options.recursiveAttributes, on: mount, recursive: true)
    }

    // MARK: Binds

    private func bind(
        _ mount: RuntimeSpec.Mount, _ options: MountOptions, prepared: FileDescriptor?, in root: RootDirectory
    ) throws(SystemError) {
        let clone = try prepared.orElse { () throws(SystemError) in
            try Mount.clone(mount.sourcePath(in: bundle), recursive: options.isRecursive)
        }
        let isDirectory = try clone.status().isDirectory
        if !options.attributes.isEmpty { try setAttributes(options.attributes, on: clone, recursive: false) }
        try setRecursively(options, on: clone)
        let target = try isDirectory ? root.makeDirectories(mount.destination) : root.makeFile(mount.destination)
        try root.checkReplaceable(target, mount.destination, by: clone)
        try Mount.attach(clone, on: target)
    }

    /// In a user namespace, what the host forbids for a mount (`nosuid`, `nodev`, `noexec`, `ro`) stays
    /// forbidden for its copies, and asking for it is an error. The container gets what it may have.
    private func setAttributes(
        _ attributes: MountOptions.AttributeChanges, on mount: FileDescriptor, recursive: Bool
    ) throws(SystemError) {
        do throws(SystemError) {
            try Mount.setAttributes(mount, set: attributes.set, clear: attributes.clear, recursive: recursive)
        } catch {
            let locked: Mount.Attributes = [.readOnly, .noSetID, .noDevices, .noExecution, .accessTimeModes]
            let allowed = attributes.clear.subtracting(locked)
            guard error.errno == EPERM, spec.usesUserNamespace, allowed != attributes.clear else { throw error }
            try Mount.setAttributes(
                mount, set: attributes.set.subtracting(.accessTimeModes), clear: allowed, recursive: recursive)
        }
    }

    private func remount(
        _ mount: RuntimeSpec.Mount, _ options: MountOptions, in root: RootDirectory
    ) throws(SystemError) {
        guard let mounted = try root.find(mount.destination) else {
            throw SystemError("remount", errno: ENOENT, subject: mount.destination)
        }
        if !options.attributes.isEmpty { try setAttributes(options.attributes, on: mounted, recursive: false) }
        try setRecursively(options, on: mounted)
    }

    // MARK: Cgroups

    /// The container's own view of its cgroup: the version 2 tree, or one directory per version 1
    /// hierarchy. A cgroup namespace makes the kernel's file system show it so; without one, and where
    /// mounting it is not allowed, the directories of the container's cgroup are bound.
    private func mountCgroups(
        _ mount: RuntimeSpec.Mount, _ options: MountOptions, in root: RootDirectory
    ) throws(SystemError) {
        let hierarchies = try (cgroup?.hierarchies).orElse { () throws(SystemError) in try CgroupHierarchies.detect() }
        let attributes = options.attributes.set
        if hierarchies.mode == .v2 || mount.type == "cgroup2" {
            let bound = hierarchies.version2.map { $0 + (cgroup?.path ?? "") }
            let tree = try cgroupTree(bound: bound, attributes) { () throws(SystemError) in
                try Mount.Configuration("cgroup2").mount(attributes)
            }
            try Mount.attach(tree, on: try root.makeDirectories(mount.destination))
            return
        }
        let directory = try Mount.Configuration("tmpfs")
        try directory.set("mode", "755")
        let top = try directory.mount(attributes.subtracting(.readOnly))
        try Mount.attach(top, on: try root.makeDirectories(mount.destination))
        for hierarchy in hierarchies.version1 {
            let name = Files.lastComponent(of: hierarchy.mountPoint)
            let bound = hierarchy.mountPoint + (cgroup?.path ?? "")
            let tree = try cgroupTree(bound: bound, attributes) { () throws(SystemError) in
                try Self.version1(hierarchy).mount(attributes)
            }
            try top.makeDirectory(name)
            try Mount.attach(tree, on: try top.open(name, FileDescriptor.pathOnly))
            // `cpu,cpuacct` is also known by each of its names.
            for controller in hierarchy.controllers where controller != name && !controller.hasPrefix("name=") {
                do throws(SystemError) {
                    try top.makeSymbolicLink(controller, to: name)
                } catch {
                    if error.errno != EEXIST { throw error }
                }
            }
        }
        if attributes.contains(.readOnly) { lateReadOnly.append((top, mount.destination)) }
    }

    private static func version1(
        _ hierarchy: CgroupHierarchies.Version1
    ) throws(SystemError) -> Mount.Configuration {
        let controllers = try Mount.Configuration("cgroup")
        for controller in hierarchy.controllers {
            if controller.hasPrefix("name=") {
                try controllers.setFlag("none")
                try controllers.set("name", String(controller.dropFirst(5)))
            } else {
                try controllers.setFlag(controller)
            }
        }
        return controllers
    }

    private func cgroupTree(
        bound: String?, _ attributes: Mount.Attributes, own: () throws(SystemError) -> FileDescriptor
    ) throws(SystemError) -> FileDescriptor {
        if spec.ownNamespaces.contains(.cgroup) {
            do throws(SystemError) {
                return try own()
            } catch {
                guard error.errno == EPERM || error.errno == EBUSY, spec.usesUserNamespace else { throw error }
            }
        }
        guard let bound else { throw SystemError("mount", errno: ENODEV, subject: "cgroup") }
        let clone = try Mount.clone(bound, recursive: spec.usesUserNamespace)
        try Mount.setAttributes(clone, set: attributes, recursive: spec.usesUserNamespace)
        return clone
    }
}
