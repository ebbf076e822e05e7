import Errors
import Glibc
import Linux

/// A listening socket, and the file that leads to it.
struct Listener: Sendable {
    let endpoint: Endpoint
    /// Owned by whoever takes it.
    let descriptor: Int32
    private let file: (path: String, device: UInt64, inode: UInt64)?

    /// The group whose members may use the API.
    private static let groupName = "berth"

    init(_ endpoint: Endpoint) throws {
        self.endpoint = endpoint
        switch endpoint {
        case .unix(let path):
            try Self.checkUnused(path)
            let socket: FileDescriptor
            do throws(SystemError) {
                // Not for all until the group is right.
                socket = try UnixSocket.listen(path, mode: 0o600, backlog: 1024)
                let directory = try FileDescriptor.openDirectory(Files.parent(of: path))
                let name = Files.lastComponent(of: path)
                if let group = Self.groupID() {
                    try directory.changeOwner(name, user: geteuid(), group: group)
                }
                try directory.changeMode(name, mode: 0o660)
                let status = try directory.status(of: name)
                file = (path, status.device, status.inode)
            } catch {
                throw BerthError("listening on \(endpoint)", error)
            }
            descriptor = try duplicate(socket.rawValue)
        case .tcp(let address, let port):
            guard let place = SocketAddress(address, port: port) else {
                throw BerthError.invalidArgument("\(address) is no address")
            }
            let socket: FileDescriptor
            do throws(SystemError) {
                socket = try InternetSocket.bind(.tcp, place, backlog: 1024)
            } catch {
                throw BerthError("listening on \(endpoint)", error)
            }
            descriptor = try duplicate(socket.rawValue)
            file = nil
        case .inherited(let inherited):
            descriptor = try duplicate(inherited)
            file = nil
        }
    }

    /// A socket that somebody answers on is another daemon's; taking its place would leave that one
    /// running and unreachable.
    private static func checkUnused(_ path: String) throws {
        guard Files.exists(path), (try? UnixSocket.connect(path)) != nil else { return }
        throw BerthError.conflict("\(path) is in use: another daemon is listening on it")
    }

    private static func groupID() -> gid_t? {
        guard let text = try? Files.readText("/etc/group") else { return nil }
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count >= 3, fields[0] == groupName { return gid_t(fields[2]) }
        }
        return nil
    }

    /// Removes the socket's file, unless another daemon has put its own there.
    func removeFile() {
        guard let file, let status = try? Files.status(file.path), status.device == file.device,
            status.inode == file.inode
        else { return }
        try? Files.unlink(file.path)
    }
}
