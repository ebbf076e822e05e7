import EngineAPI
import Errors
import FoundationEssentials
import Linux
import OCI
import Synchronization

/// Volumes of the `local` driver: a directory each, under `<data-root>/volumes/<name>/_data`.
final class VolumeRegistry: Sendable {
    private let root: String
    private let volumes = Mutex<[String: VolumeRecord]>([:])

    init(root: String) { self.root = root }

    func path(of name: String) -> String { "\(root)/\(name)/_data" }

    func all() -> [VolumeRecord] { volumes.withLock { Array($0.values) } }

    func find(_ name: String) throws(BerthError) -> VolumeRecord {
        guard let record = volumes.withLock({ $0[name] }) else { throw .notFound("get \(name): no such volume") }
        return record
    }

    func restore(_ records: [VolumeRecord]) {
        volumes.withLock { volumes in for record in records { volumes[record.name] = record } }
    }

    /// Makes a volume's directory; the same volume again is returned as it is.
    func create(_ record: VolumeRecord) throws -> (record: VolumeRecord, isNew: Bool) {
        guard Self.isValid(record.name) else {
            throw BerthError.invalidArgument(
                "create \(record.name): \"\(record.name)\" includes invalid characters for a local volume name, only "
                    + "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
            )
        }
        guard record.name.utf8.count <= 255 else {
            throw BerthError.invalidArgument(
                "create \(record.name.prefix(32))…: the name of a volume may have 255 bytes")
        }
        guard record.driver == "local" else {
            throw BerthError.notFound(
                "error looking up volume plugin \(record.driver): plugin \"\(record.driver)\" not found")
        }
        _ = try LocalVolume(record.options)
        if let present = volumes.withLock({ $0[record.name] }) {
            guard present.driver == record.driver else {
                throw BerthError.conflict(
                    "a volume named \(record.name) already exists with the \(present.driver) driver")
            }
            return (present, false)
        }
        try Files.makeDirectories(path(of: record.name), mode: 0o755)
        volumes.withLock { $0[record.name] = record }
        return (record, true)
    }

    func remove(_ name: String) throws {
        // What is mounted there is not ours to remove.
        if (volumes.withLock { $0[name]?.options.isEmpty == false }) { try unmount(path(of: name)) }
        try Files.removeTree("\(root)/\(name)")
        volumes.withLock { _ = $0.removeValue(forKey: name) }
    }

    private func unmount(_ path: String) throws {
        do throws(SystemError) {
            try Mount.unmount(path, detached: false)
        } catch {
            // It is not mounted, as it should be.
            if error.errno != 22 { throw BerthError("unmounting \(path)", error) }
        }
    }

    static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, isAlphanumeric(first), name.utf8.count >= 2 else { return false }
        return name.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
}
