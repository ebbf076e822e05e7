import Errors
import Glibc
import Linux
import OCI

/// Where a container's root comes from.
public enum RootFileSystem: Sendable {
    /// A directory of the host (an OCI bundle's `root.path`).
    case directory(String)
    /// Image layers under a writable directory, mounted in the container's own mount namespace.
    /// `mountPoint` is an empty directory of the host to attach it to; nothing of it shows there.
    case overlay(OverlayLayers, mountPoint: String)
}

/// Builds the container's file system tree, in its own mount namespace, before the root is switched.
struct TreeBuilder {
    let spec: RuntimeSpec
    let source: RootFileSystem
    let bundle: String

    /// Everything up to, but not including, the switch of roots. Returns the new root.
    func build() throws(BerthError) -> RootDirectory {
        try detachPropagation()
        let root = RootDirectory(descriptor: try mountRoot())
        for mount in spec.mounts ?? [] { try self.mount(mount, in: root) }
        return root
    }

    /// Mounts made from here on stay in this namespace; unmounts on the host still arrive, so that
    /// the container does not pin file systems of the host.
    private func detachPropagation() throws(BerthError) {
        let wanted: Mount.Propagation =
            switch spec.linux?.rootfsPropagation {
            case "shared", "rshared": .shared
            case "private", "rprivate": .private
            default: .slave
            }
        do throws(SystemError) {
            let top = try FileDescriptor.open("/", FileDescriptor.pathOnly | O_DIRECTORY)
            try Mount.setAttributes(top, propagation: wanted, recursive: true)
        } catch {
            throw BerthError("detaching from the host's mounts", error)
        }
    }

    private func mountRoot() throws(BerthError) -> FileDescriptor {
        do throws(SystemError) {
            switch source {
            case .directory(let path):
                let mount = try Mount.clone(path, recursive: true)
                try Mount.setAttributes(mount, propagation: .private, recursive: true)
                try Mount.attach(mount, at: path)
                return mount
            case .overlay(let layers, let mountPoint):
                let mount = try Mount.overlay(layers)
                try Mount.attach(mount, at: mountPoint)
                return mount
            }
        } catch {
            throw BerthError("mounting the root file system", error)
        }
    }

    // MARK: One mount

    private func mount(_ mount: RuntimeSpec.Mount, in root: RootDirectory) throws(BerthError) {
        let options = MountOptions(mount.options ?? [])
        do throws(SystemError) {
            if options.isBind || mount.type == "bind" {
                try bind(mount, options, in: root)
            } else if mount.type == "cgroup" {
                try mountCgroups(mount, options, in: root)
            } else {
                let target = try root.makeDirectories(mount.destination)
                try Mount.attach(try fileSystem(mount.type ?? "none", mount.source, options), on: target)
            }
            if let propagation = options.propagation, let mounted = try root.find(mount.destination) {
                try Mount.setAttributes(mounted, propagation: propagation, recursive: options.propagationIsRecursive)
            }
        } catch {
            throw BerthError(
                "mounting \"\(mount.source ?? mount.type ?? "")\" to rootfs at \"\(mount.destination)\"", error)
        }
    }

    private func fileSystem(
        _ type: String, _ source: String?, _ options: MountOptions
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
        // A read-only tmpfs must still take the mount points made in it: see `makeReadOnly`.
        return try configuration.mount(options.set)
    }

    private func bind(
        _ mount: RuntimeSpec.Mount, _ options: MountOptions, in root: RootDirectory
    ) throws(SystemError) {
        var source = mount.source ?? ""
        if !source.hasPrefix("/") { source = bundle + "/" + source }
        let isDirectory = try Files.status(source).isDirectory
        let clone = try Mount.clone(source, recursive: options.isRecursive)
        if !options.set.isEmpty || !options.clear.isEmpty {
            try Mount.setAttributes(
                clone, set: options.set, clear: options.clear, recursive: options.attributesAreRecursive)
        }
        let target = try isDirectory ? root.makeDirectories(mount.destination) : root.makeFile(mount.destination)
        try Mount.attach(clone, on: target)
    }

    /// The container's own view of its cgroup: the version 2 tree, or one directory per version 1
    /// hierarchy. It is rooted at the container's cgroup by its cgroup namespace.
    private func mountCgroups(
        _ mount: RuntimeSpec.Mount, _ options: MountOptions, in root: RootDirectory
    ) throws(SystemError) {
        let hierarchies = try CgroupHierarchies.detect()
        if hierarchies.mode == .v2 {
            let tree = try Mount.Configuration("cgroup2").mount(options.set)
            try Mount.attach(tree, on: try root.makeDirectories(mount.destination))
            return
        }
        let directory = try Mount.Configuration("tmpfs")
        try directory.set("mode", "755")
        let top = try directory.mount(options.set.subtracting(.readOnly))
        try Mount.attach(top, on: try root.makeDirectories(mount.destination))
        for hierarchy in hierarchies.version1 {
            let name = Files.lastComponent(of: hierarchy.mountPoint)
            let controllers = try Mount.Configuration("cgroup")
            for controller in hierarchy.controllers {
                if controller.hasPrefix("name=") {
                    try controllers.setFlag("none")
                    try controllers.set("name", String(controller.dropFirst(5)))
                } else {
                    try controllers.setFlag(controller)
                }
            }
            try top.makeDirectory(name)
            try Mount.attach(try controllers.mount(options.set), on: try top.open(name, FileDescriptor.pathOnly))
            // `cpu,cpuacct` is also known by each of its names.
            for controller in hierarchy.controllers where controller != name && !controller.hasPrefix("name=") {
                do throws(SystemError) {
                    try top.makeSymbolicLink(controller, to: name)
                } catch {
                    if error.errno != EEXIST { throw error }
                }
            }
        }
        if options.set.contains(.readOnly) { try Mount.setAttributes(top, set: .readOnly) }
    }
}
