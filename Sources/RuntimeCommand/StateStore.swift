import ContainerRuntime
import Errors
import Glibc
import Linux
import OCI

/// The containers of this user below `--root`, a directory each:
///
///     state.json    ContainerRecord
///     config.json   as it was when the container was created
///     start.sock    while the first process waits for the word to start
///
/// The directory is locked by whoever creates, starts, changes or deletes the container.
struct StateStore {
    let root: String

    /// `--root`, or the place for the host's root or for anybody else: who is root of a user namespace is an
    /// ordinary user with a mapping (Podman calls us so).
    init(_ root: String?, isRootless: Bool) throws(BerthError) {
        let own = isRootless ? Linux.Process.environment("XDG_RUNTIME_DIR") : nil
        if let root {
            self.root = root
        } else if let own, !own.isEmpty {
            self.root = own + "/berth-runtime"
        } else if geteuid() == 0 {
            self.root = "/run/berth-runtime"
        } else {
            throw .invalidArgument("XDG_RUNTIME_DIR is not set: say with --root where containers are to be kept")
        }
    }

    func directory(of id: String) -> String { "\(root)/\(id)" }

    /// Letters, digits and `_+-.`, as other runtimes have it: the ID becomes a file's name.
    static func check(_ id: String) throws(BerthError) {
        let isName = id.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || "_+-.".utf8.contains($0)
        }
        guard !id.isEmpty, id.utf8.count <= 1024, isName, id != ".", id != ".." else {
            throw .invalidArgument("invalid container ID format: \"\(id)\"")
        }
    }

    // MARK: One container

    /// Makes the directory of a new container and locks it.
    func create(_ id: String) throws(BerthError) -> StateLock {
        try Self.check(id)
        do throws(SystemError) {
            try Files.makeDirectories(root, mode: 0o700)
            try Files.makeDirectory(directory(of: id), mode: 0o711)
        } catch {
            if error.errno == EEXIST { throw .conflict("container with given ID already exists: \(id)") }
            throw BerthError("creating the container's state", error)
        }
        return try lock(id)
    }

    func lock(_ id: String) throws(BerthError) -> StateLock {
        do throws(SystemError) {
            let open = try FileDescriptor.openDirectory(directory(of: id))
            try open.lock()
            return StateLock(directory: open)
        } catch {
            if error.errno == ENOENT { throw .notFound("container \"\(id)\" does not exist") }
            throw BerthError("locking the container's state", error)
        }
    }

    func save(_ record: ContainerRecord) throws(BerthError) {
        do throws(SystemError) {
            try Files.writeAtomically(
                directory(of: record.id) + "/state.json", record.json.text().utf8, mode: 0o600, durable: false)
        } catch {
            throw BerthError("saving the container's state", error)
        }
    }

    func saveConfiguration(_ text: [UInt8], of id: String) throws(BerthError) {
        do throws(SystemError) {
            try Files.writeAtomically(directory(of: id) + "/config.json", text, mode: 0o600, durable: false)
        } catch {
            throw BerthError("saving the container's configuration", error)
        }
    }

    func load(_ id: String) throws(BerthError) -> ContainerRecord {
        try Self.check(id)
        let text: [UInt8]
        do throws(SystemError) {
            text = try Files.read(directory(of: id) + "/state.json")
        } catch {
            if error.errno == ENOENT { throw .notFound("container \"\(id)\" does not exist") }
            throw BerthError("reading the container's state", error)
        }
        return try JSON.decode(ContainerRecord.self, from: text)
    }

    /// What the container was made from.
    func configuration(of id: String) throws(BerthError) -> RuntimeSpec {
        let text: [UInt8]
        do throws(SystemError) {
            text = try Files.read(directory(of: id) + "/config.json")
        } catch {
            throw BerthError("reading the container's configuration", error)
        }
        return try JSON.decode(RuntimeSpec.self, from: text)
    }

    func startSocket(of id: String) -> String { directory(of: id) + "/start.sock" }

    func remove(_ id: String) throws(BerthError) {
        do throws(SystemError) {
            try Files.removeTree(directory(of: id))
        } catch {
            throw BerthError("removing the container's state", error)
        }
    }

    func status(of record: ContainerRecord) throws(BerthError) -> ContainerStatus {
        if !record.isCreated {
            // Whoever creates holds the lock; when nobody does, it was killed.
            let open = try? FileDescriptor.openDirectory(directory(of: record.id))
            return (try? open?.tryLock()) == false ? .creating : .stopped
        }
        guard record.isAlive else { return .stopped }
        if Files.exists(startSocket(of: record.id)) { return .created }
        do throws(SystemError) {
            return try record.cgroupOnHost()?.isFrozen == true ? .paused : .running
        } catch {
            throw BerthError("reading the container's state", error)
        }
    }

    /// All containers, by ID.
    func list() throws(BerthError) -> [ContainerRecord] {
        guard let open = try? FileDescriptor.openDirectory(root), let names = try? open.entries() else { return [] }
        return names.sorted().compactMap { try? load($0) }
    }
}

/// A lock that was taken. The first process of a container inherits the descriptor, so the lock is given
/// back by a word, not by closing.
struct StateLock {
    let directory: FileDescriptor

    func release() { directory.unlock() }
}
