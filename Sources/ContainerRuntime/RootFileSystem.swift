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

/// How the container's root becomes the root of its process.
enum RootSwitch {
    /// `pivot_root`; then the root gets this propagation. `isShared`: the old root has peers on the host.
    case pivot(propagation: Mount.Propagation?, isShared: Bool)
    /// The root is moved over the old one.
    case move
    /// `chroot` alone: the mount namespace is not this container's, and others go on using its root.
    case changeRoot
}

/// Builds the container's file system tree, in its own mount namespace, before the root is switched.
final class TreeBuilder {
    let spec: RuntimeSpec
    let bundle: String
    let cgroup: Cgroup?
    private let source: RootFileSystem
    private let prepared: PreparedMounts
    private let pivots: Bool
    /// Mounts that are read-only in the end, but take the mount points of others before.
    var lateReadOnly: [(mount: FileDescriptor, path: String)] = []

    init(_ plan: ContainerPlan) {
        spec = plan.spec
        source = plan.root
        bundle = plan.bundle
        cgroup = plan.cgroup
        prepared = plan.prepared
        pivots = plan.pivotsRoot
    }

    /// Everything up to, but not including, the switch of roots. Returns the new root.
    func build() throws(BerthError) -> RootDirectory {
        guard hasOwnMounts else { return try buildInOthersNamespace() }
        try detachPropagation()
        let root = RootDirectory(descriptor: try mountRoot())
        try makeMounts(in: root)
        return root
    }

    private var hasOwnMounts: Bool { spec.namespacesToMake.contains(.mount) }

    private func makeMounts(in root: RootDirectory) throws(BerthError) {
        for (index, mount) in (spec.mounts ?? []).enumerated() {
            try self.mount(mount, prepared: prepared.binds[index], in: root)
        }
    }

    /// In a namespace that was joined, mounts are made for all who are in it: that is what was asked for.
    /// In the host's, they would be made on the host.
    private func buildInOthersNamespace() throws(BerthError) -> RootDirectory {
        let isHost = !spec.ownNamespaces.contains(.mount)
        let paths = (spec.linux?.maskedPaths ?? []) + (spec.linux?.readonlyPaths ?? [])
        guard !isHost || (spec.mounts ?? []).isEmpty && paths.isEmpty, spec.root?.readonly != true else {
            throw .invalidArgument(
                "mounts, maskedPaths, readonlyPaths and a read-only root need a new mount namespace in linux.namespaces"
            )
        }
        guard case .directory(let path) = source else {
            throw .invalidArgument("layers of an image need a new mount namespace")
        }
        let root: RootDirectory
        do throws(SystemError) {
            root = RootDirectory(descriptor: try FileDescriptor.open(path, FileDescriptor.pathOnly | O_DIRECTORY))
        } catch {
            throw BerthError("opening the root file system", error)
        }
        try makeMounts(in: root)
        return root
    }

    var rootSwitch: RootSwitch {
        guard hasOwnMounts else { return .changeRoot }
        guard pivots else { return .move }
        let propagation: Mount.Propagation? =
            switch spec.linux?.rootfsPropagation {
            case "shared", "rshared": .shared
            case "slave", "rslave": .slave
            case "unbindable", "runbindable": .unbindable
            default: nil  // private already
            }
        return .pivot(propagation: propagation, isShared: isShared)
    }

    private var isShared: Bool { ["shared", "rshared"].contains(spec.linux?.rootfsPropagation) }

    /// Whether `/dev` is the host's own, which is left as it is.
    var showsDevicesOfHost: Bool {
        (spec.mounts ?? []).contains { mount in
            let options = MountOptions(mount.options ?? [])
            return (options.isBind || mount.type == "bind") && ["/dev", "/dev/"].contains(mount.destination)
        }
    }

    // MARK: The root

    /// Mounts made from here on stay in this namespace; unmounts on the host still arrive, so that
    /// the container does not pin file systems of the host.
    private func detachPropagation() throws(BerthError) {
        let wanted: Mount.Propagation =
            switch spec.linux?.rootfsPropagation {
            case "shared", "rshared": .shared
            case "private", "rprivate", "unbindable", "runbindable": .private
            case nil, "", "slave", "rslave": .slave
            case let other?:
                throw .invalidArgument("linux.rootfsPropagation: \"\(other)\" is not known")
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
                let mount = try prepared.root.orElse { () throws(SystemError) in try Mount.clone(path, recursive: true)
                }
                try Mount.setAttributes(mount, propagation: .private, recursive: true)
                // What is mounted on a shared mount is mounted on all its peers: on the host, too.
                if isShared { try makePrivate(mountOf: path) }
                try attachRoot(mount, at: path)
                return mount
            case .overlay(let layers, let mountPoint):
                let mount = try Mount.overlay(layers)
                if isShared { try makePrivate(mountOf: mountPoint) }
                try Mount.attach(mount, at: mountPoint)
                return mount
            }
        } catch {
            throw BerthError("mounting the root file system", error)
        }
    }

    /// The directory itself may be out of reach for root of a user namespace; then any other will do,
    /// since the place is gone after the switch of roots.
    private func attachRoot(_ mount: FileDescriptor, at path: String) throws(SystemError) {
        for place in [path, "/mnt", "/tmp", "/run"] {
            do throws(SystemError) {
                return try Mount.attach(mount, at: place)
            } catch {
                guard error.errno == EACCES, prepared.root != nil, place != "/run" else { throw error }
            }
        }
    }

    private func makePrivate(mountOf path: String) throws(SystemError) {
        let resolved = try absolutePath(path)
        let place = MountInfo.parse(try Files.readText("/proc/self/mountinfo"))
            .map(\.mountPoint)
            .filter { $0 == "/" || resolved == $0 || resolved.hasPrefix($0 + "/") }
            .max { $0.utf8.count < $1.utf8.count }
        guard let place else { return }
        try Mount.setAttributes(try FileDescriptor.open(place, FileDescriptor.pathOnly), propagation: .private)
    }

    /// The last thing to be done to the mounts.
    func makeLateReadOnly() throws(BerthError) {
        for (mount, path) in lateReadOnly {
            do throws(SystemError) {
                try Mount.setAttributes(mount, set: .readOnly)
            } catch {
                throw BerthError("making \(path) read-only", error)
            }
        }
    }
}
