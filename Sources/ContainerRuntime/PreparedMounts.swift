import Errors
import Glibc
import Linux
import OCI

/// Mounts that are copied before there is a container: in a user namespace there may be no right to
/// reach or to copy them, and mapping IDs is a right of the file system's owner. A copy is attached
/// nowhere; the first process inherits its descriptor and attaches it.
struct PreparedMounts: Sendable {
    var root: FileDescriptor?
    /// By place in `mounts`.
    var binds: [Int: FileDescriptor] = [:]

    init() {}

    init(_ plan: ContainerPlan) throws(BerthError) {
        let mounts = plan.spec.mounts ?? []
        let isInUserNamespace = plan.spec.usesUserNamespace && geteuid() == 0
        guard isInUserNamespace || mounts.contains(where: { $0.uidMappings?.isEmpty == false }) || Self.mapsIDs(mounts)
        else { return }
        if isInUserNamespace, case .directory(let path) = plan.root {
            do throws(SystemError) {
                root = try Mount.clone(path, recursive: true)
            } catch {
                throw BerthError("mounting the root file system", error)
            }
        }
        for (index, mount) in mounts.enumerated() {
            let options = MountOptions(mount.options ?? [])
            guard options.isBind || mount.type == "bind" else { continue }
            let mapping = try Self.mapping(of: mount, options, in: plan.spec)
            guard isInUserNamespace || mapping != nil else { continue }
            do throws(SystemError) {
                let clone = try Mount.clone(mount.sourcePath(in: plan.bundle), recursive: options.isRecursive)
                if let mapping {
                    try Mount.setAttributes(clone, userNamespace: mapping, recursive: options.mapsIDsRecursively)
                }
                binds[index] = clone
            } catch {
                // A source that is missing is told where the mount is made.
                if error.errno == ENOENT { continue }
                let what = mapping == nil ? "mounting" : "mapping the IDs of the mount of"
                throw BerthError("\(what) \"\(mount.source ?? "")\" to rootfs at \"\(mount.destination)\"", error)
            }
        }
    }

    private static func mapsIDs(_ mounts: [RuntimeSpec.Mount]) -> Bool {
        mounts.contains { $0.options?.contains { $0 == "idmap" || $0 == "ridmap" } == true }
    }

    /// The user namespace whose mappings the mount is to have; nil for a mount without.
    private static func mapping(
        of mount: RuntimeSpec.Mount, _ options: MountOptions, in spec: RuntimeSpec
    ) throws(BerthError) -> FileDescriptor? {
        if let users = mount.uidMappings, !users.isEmpty {
            guard let groups = mount.gidMappings, !groups.isEmpty else {
                throw .invalidArgument("mount \(mount.destination): uidMappings need gidMappings")
            }
            return try IdentityMaps(users: users, groups: groups).makeNamespace()
        }
        guard options.mapsIDs else { return nil }
        // Without mappings of its own the container's are meant.
        if let path = spec.linux?.namespaces?.first(where: { $0.type == .user })?.path, !path.isEmpty {
            do throws(SystemError) {
                return try FileDescriptor.open(path, O_RDONLY)
            } catch {
                throw BerthError("mapping the IDs of the mount at \(mount.destination)", error)
            }
        }
        return try IdentityMaps(spec).makeNamespace()
    }
}

extension RuntimeSpec.Mount {
    func sourcePath(in bundle: String) -> String {
        let source = source ?? ""
        return source.hasPrefix("/") ? source : bundle + "/" + source
    }
}

extension Optional {
    /// `??` that keeps the type of the error.
    func orElse(_ other: () throws(SystemError) -> Wrapped) throws(SystemError) -> Wrapped {
        if let self { return self }
        return try other()
    }
}
