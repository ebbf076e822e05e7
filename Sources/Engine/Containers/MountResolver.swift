import EngineAPI
import Errors
import Linux
import OCI

/// Decides every mount of a container: what is at the host's end, and which volumes have to be made.
struct MountResolver {
    let id: String
    let services: Services
    let image: ImageConfig.Execution?

    struct Result {
        var mounts: [ResolvedMount] = []
        var anonymous: [String] = []
        var newVolumes: [VolumeRecord] = []
        /// Destinations that came from `--volumes-from`, which a mount of the container's own replaces.
        var inherited: Set<String> = []
        /// Destinations of volumes that do not take over what the image has there.
        var unfilled: Set<String> = []
    }

    /// Makes the volumes that are not there yet; none when it throws.
    func resolve(_ config: ContainerConfig, _ host: HostConfig) throws -> Result {
        var result = Result()
        do {
            try resolve(config, host, &result)
        } catch {
            for volume in result.newVolumes { try? services.volumes.remove(volume.name) }
            throw error
        }
        return result
    }

    private func resolve(_ config: ContainerConfig, _ host: HostConfig, _ result: inout Result) throws {
        for source in host.volumesFrom ?? [] { try take(from: source, &result) }
        for bind in host.binds ?? [] { try add(try parse(bind, &result), &result) }
        for mount in host.mounts { try add(try resolve(mount, &result), &result) }
        for (destination, options) in (host.tmpfs ?? [:]).sorted(by: { $0.key < $1.key }) {
            try add(try tmpfs(destination, options), &result)
        }
        let covered = Set(result.mounts.map { normalized($0.destination) })
        for destination in (config.volumes ?? []).sorted() where !covered.contains(normalized(destination)) {
            try add(try anonymous(destination, &result), &result)
        }
        result.mounts.sort { $0.destination.split(separator: "/").count < $1.destination.split(separator: "/").count }
    }

    private func normalized(_ path: String) -> String { "/" + path.split(separator: "/").joined(separator: "/") }

    /// A later mount on the same place takes the place of what came from `--volumes-from`.
    private func add(_ mount: ResolvedMount, _ result: inout Result) throws {
        guard mount.destination.hasPrefix("/") else {
            throw BerthError.invalidArgument("invalid mount path: '\(mount.destination)' mount path must be absolute")
        }
        guard normalized(mount.destination) != "/" else {
            throw BerthError.invalidArgument("invalid volume specification: destination can't be '/'")
        }
        if let index = result.mounts.firstIndex(where: { normalized($0.destination) == normalized(mount.destination) })
        {
            guard result.inherited.remove(normalized(mount.destination)) != nil else {
                throw BerthError.invalidArgument("Duplicate mount point: \(mount.destination)")
            }
            result.mounts[index] = mount
        } else {
            result.mounts.append(mount)
        }
    }

    // MARK: -v

    /// `source:destination[:options]`, or `destination` alone.
    private func parse(_ text: String, _ result: inout Result) throws -> ResolvedMount {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        switch parts.count {
        case 1: return try anonymous(parts[0], &result)
        case 2, 3: break
        default: throw BerthError.invalidArgument("invalid volume specification: '\(text)'")
        }
        let options = parts.count == 3 ? parts[2].split(separator: ",").map(String.init) : []
        var mount: ResolvedMount
        if parts[0].hasPrefix("/") {
            try checkBindSource(parts[0], target: parts[1], makes: true)
            mount = ResolvedMount(kind: .bind, source: parts[0], destination: parts[1])
        } else {
            mount = try volume(parts[0], at: parts[1], &result)
        }
        mount.mode = parts.count == 3 ? parts[2] : (mount.kind == .volume ? "z" : "")
        try apply(options, to: &mount, of: text, &result)
        return mount
    }

    private func apply(
        _ options: [String], to mount: inout ResolvedMount, of text: String, _ result: inout Result
    ) throws {
        for option in options {
            switch option {
            case "ro", "readonly": mount.isReadOnly = true
            case "rw": mount.isReadOnly = false
            case "nocopy": result.unfilled.insert(mount.destination)
            case "z", "Z", "cached", "delegated", "consistent", "copy": break
            case "shared", "rshared", "slave", "rslave", "private", "rprivate":
                mount.propagation = option
            default: throw BerthError.invalidArgument("invalid mode: \(option) in volume specification '\(text)'")
            }
        }
    }

    /// A missing directory is made, as Docker does; a missing file is the user's mistake, and a
    /// directory of its name would only hide that.
    private func checkBindSource(_ source: String, target: String, makes: Bool) throws {
        if Files.exists(source) { return }
        let name = Files.lastComponent(of: source)
        let looksLikeFile = name.hasPrefix(".") || name.dropFirst().contains(".")
        guard makes, !looksLikeFile else {
            throw BerthError.invalidArgument(
                "invalid mount config for type \"bind\": bind source path does not exist: \(source)"
                    + (makes ? " (create the file first, or the directory if it is to be one)" : ""))
        }
        do throws(SystemError) {
            try Files.makeDirectories(source)
        } catch {
            throw BerthError("making the bind source \(source)", error)
        }
    }

    // MARK: --mount

    private func resolve(_ mount: EngineAPI.Mount, _ result: inout Result) throws -> ResolvedMount {
        guard !mount.target.isEmpty else {
            throw BerthError.invalidArgument("invalid mount config: field Target must not be empty")
        }
        switch mount.type {
        case "bind":
            guard !mount.source.isEmpty else {
                throw BerthError.invalidArgument(
                    "invalid mount config for type \"bind\": field Source must not be empty")
            }
            guard mount.source.hasPrefix("/") else {
                throw BerthError.invalidArgument(
                    "invalid mount config for type \"bind\": invalid mount path: '\(mount.source)' mount path must be absolute"
                )
            }
            try checkBindSource(mount.source, target: mount.target, makes: mount.bindOptions?.createMountpoint == true)
            var bind = ResolvedMount(kind: .bind, source: mount.source, destination: mount.target)
            bind.isReadOnly = mount.readOnly
            bind.isRecursive = mount.bindOptions?.nonRecursive != true
            if mount.bindOptions?.readOnlyNonRecursive == true { bind.readsOnlyBelow = false }
            if mount.bindOptions?.readOnlyForceRecursive == true { bind.readsOnlyBelow = true }
            if let propagation = mount.bindOptions?.propagation, !propagation.isEmpty { bind.propagation = propagation }
            return bind
        case "volume", "":
            var volume =
                mount.source.isEmpty
                ? try anonymous(mount.target, &result)
                : try volume(
                    mount.source, at: mount.target, &result, labels: mount.volumeOptions?.labels ?? [:],
                    options: mount.volumeOptions?.driverConfig?.options ?? [:])
            volume.isReadOnly = mount.readOnly
            if mount.volumeOptions?.noCopy == true { result.unfilled.insert(volume.destination) }
            if let subpath = mount.volumeOptions?.subpath, !subpath.isEmpty {
                guard !subpath.hasPrefix("/"), !subpath.split(separator: "/").contains("..") else {
                    throw BerthError.invalidArgument(
                        "invalid mount config for type \"volume\": subpath must be a relative path within the volume")
                }
                volume.subpath = subpath
            }
            return volume
        case "image": return try image(mount)
        case "tmpfs":
            var tmpfs = ResolvedMount(kind: .tmpfs, source: "", destination: mount.target)
            tmpfs.isReadOnly = mount.readOnly
            if let size = mount.tmpfsOptions?.sizeBytes, size > 0 { tmpfs.options.append("size=\(size)") }
            if let mode = mount.tmpfsOptions?.mode, mode > 0 { tmpfs.options.append("mode=\(String(mode, radix: 8))") }
            return tmpfs
        default:
            throw BerthError.invalidArgument(
                "invalid mount config for type \"\(mount.type)\": mount type unknown: use bind, volume, tmpfs or image")
        }
    }

    private func image(_ mount: EngineAPI.Mount) throws -> ResolvedMount {
        guard !mount.source.isEmpty else {
            throw BerthError.invalidArgument("invalid mount config for type \"image\": field Source must not be empty")
        }
        guard mount.imageOptions?.subpath.isEmpty != false else {
            throw BerthError(.unimplemented, "a part of an image cannot be mounted alone: leave out image-subpath")
        }
        let image = try services.images.image(mount.source)
        var resolved = ResolvedMount(kind: .image, source: mount.source, destination: mount.target)
        resolved.isReadOnly = true
        let layers = try services.images.layerPaths(of: image)
        resolved.image = .init(
            id: image.id, layers: layers.isEmpty ? [services.configuration.dataRoot + "/empty"] : layers)
        return resolved
    }

    private func tmpfs(_ destination: String, _ options: String) throws -> ResolvedMount {
        var tmpfs = ResolvedMount(kind: .tmpfs, source: "", destination: destination)
        tmpfs.options = options.split(separator: ",").map(String.init)
        if tmpfs.options.contains("ro") { tmpfs.isReadOnly = true }
        return tmpfs
    }

    // MARK: Volumes

    private func anonymous(_ destination: String, _ result: inout Result) throws -> ResolvedMount {
        let name = randomID()
        var mount = try volume(name, at: destination, &result, isAnonymous: true)
        mount.mode = ""
        result.anonymous.append(name)
        return mount
    }

    private func volume(
        _ name: String, at destination: String, _ result: inout Result, labels: [String: String] = [:],
        options: [String: String] = [:], isAnonymous: Bool = false
    ) throws -> ResolvedMount {
        let wanted = VolumeRecord(
            name: name, driver: "local", created: Clock.now(), options: options, labels: labels,
            isAnonymous: isAnonymous)
        let (record, isNew) = try services.volumes.create(wanted)
        if isNew { result.newVolumes.append(record) }
        var mount = ResolvedMount(
            kind: .volume, source: services.volumes.path(of: name), destination: destination)
        mount.name = name
        mount.driver = "local"
        return mount
    }

    private func take(from text: String, _ result: inout Result) throws {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        let modes = parts.count == 2 ? parts[1].split(separator: ",").map(String.init) : []
        for mode in modes where !["ro", "rw", "z", "Z", "nocopy"].contains(mode) {
            throw BerthError.invalidArgument("invalid mode: \(mode) in volumes-from '\(text)'")
        }
        let other = try services.board.find(parts.first ?? "")
        for mount in other.record.mounts where mount.kind != .tmpfs {
            var mount = mount
            if modes.contains("ro") { mount.isReadOnly = true }
            result.inherited.insert(normalized(mount.destination))
            result.mounts.append(mount)
        }
    }
}

extension ResolvedMount {
    init(kind: Kind, source: String, destination: String) {
        self.init(
            kind: kind, source: source, destination: destination, isReadOnly: false, propagation: "", options: [],
            mode: "")
    }
}
