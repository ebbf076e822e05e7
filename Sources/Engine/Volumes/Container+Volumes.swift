import Errors
import Linux

extension Container {
    /// Mounts the volumes that are file systems of their own.
    func acquireVolumes() async throws {
        for volume in record.mountedVolumes(services) { try await services.volumeMounts.acquire(volume, for: id) }
    }

    /// Lets go of what is mounted on the host for a run.
    func releaseMounts() async {
        let mounts = HostMounts(record, configuration: services.configuration)
        if !mounts.isEmpty { try? await blocking { mounts.releaseAll() } }
        for volume in record.mountedVolumes(services) {
            do {
                try await services.volumeMounts.release(volume, from: id)
            } catch {
                logger.warning("unmounting volume \(volume.name): \(error)")
            }
        }
    }
}

extension ContainerRecord {
    /// Those of its volumes that have to be mounted before use.
    func mountedVolumes(_ services: Services) -> [VolumeRecord] {
        mounts.compactMap { mount in
            guard mount.kind == .volume, let name = mount.name, let volume = try? services.volumes.find(name),
                !volume.options.isEmpty
            else { return nil }
            return volume
        }
    }
}
