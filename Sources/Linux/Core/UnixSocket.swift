import CLinux
import Glibc

/// Unix-domain sockets of type stream, which carry bytes and descriptors.
public enum UnixSocket {
    /// Two connected ends.
    public static func pair() throws(SystemError) -> (FileDescriptor, FileDescriptor) {
        var fds: (Int32, Int32) = (-1, -1)
        try systemCall("socketpair") {
            withUnsafeMutableBytes(of: &fds) {
                socketpair(
                    AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0,
                    $0.bindMemory(to: Int32.self).baseAddress)
            }
        }
        return (FileDescriptor(owning: fds.0), FileDescriptor(owning: fds.1))
    }

    /// Binds and listens; a stale socket file in the way is replaced. Paths too long for
    /// `sun_path` go through `/proc/self/fd` of their directory.
    public static func listen(_ path: String, mode: mode_t = 0o600, backlog: Int32 = 128) throws(SystemError)
        -> FileDescriptor
    {
        let socket = try make()
        try Files.unlink(path)
        try withAddress(path) { (address, length) throws(SystemError) in
            try systemCall("bind", path) { bind(socket.rawValue, address, length) }
        }
        try systemCall("chmod", path) { chmod(path, mode) }
        try systemCall("listen", path) { Glibc.listen(socket.rawValue, backlog) }
        return socket
    }

    public static func connect(_ path: String) throws(SystemError) -> FileDescriptor {
        let socket = try make()
        try withAddress(path) { (address, length) throws(SystemError) in
            try systemCall("connect", path) { Glibc.connect(socket.rawValue, address, length) }
        }
        return socket
    }

    public static func accept(_ listener: FileDescriptor, nonBlocking: Bool = false) throws(SystemError)
        -> FileDescriptor
    {
        let flags = Int32(SOCK_CLOEXEC.rawValue | (nonBlocking ? SOCK_NONBLOCK.rawValue : 0))
        return FileDescriptor(owning: try systemCall("accept4") { linux_accept4(listener.rawValue, flags) })
    }

    /// Sends bytes, and descriptors with the first of them.
    public static func send(_ bytes: [UInt8], descriptors: [FileDescriptor] = [], over socket: FileDescriptor)
        throws(SystemError)
    {
        var bytes = bytes
        let space = linux_cmsg_space(MemoryLayout<Int32>.size * descriptors.count)
        var control = [UInt8](repeating: 0, count: descriptors.isEmpty ? 0 : space)
        let sent = try systemCall("sendmsg") {
            bytes.withUnsafeMutableBytes { payload in
                control.withUnsafeMutableBytes { control in
                    var vector = iovec(iov_base: payload.baseAddress, iov_len: payload.count)
                    return withUnsafeMutablePointer(to: &vector) { vector in
                        var message = msghdr()
                        message.msg_iov = vector
                        message.msg_iovlen = 1
                        if !control.isEmpty {
                            message.msg_control = control.baseAddress
                            message.msg_controllen = control.count
                            if let header = linux_cmsg_firsthdr(&message) {
                                header.pointee.cmsg_level = SOL_SOCKET
                                header.pointee.cmsg_type = Int32(SCM_RIGHTS)
                                header.pointee.cmsg_len = linux_cmsg_len(MemoryLayout<Int32>.size * descriptors.count)
                                linux_cmsg_data(header).withMemoryRebound(to: Int32.self, capacity: descriptors.count) {
                                    for (index, descriptor) in descriptors.enumerated() {
                                        $0[index] = descriptor.rawValue
                                    }
                                }
                            }
                        }
                        return sendmsg(socket.rawValue, &message, Int32(MSG_NOSIGNAL))
                    }
                }
            }
        }
        if sent < bytes.count { try socket.writeAll(bytes[sent...]) }
    }

    /// Receives at most `count` bytes and whatever descriptors came with them; no bytes at the end.
    public static func receive(upTo count: Int, over socket: FileDescriptor) throws(SystemError)
        -> (bytes: [UInt8], descriptors: [FileDescriptor])
    {
        var bytes = [UInt8](repeating: 0, count: count)
        var control = [UInt8](repeating: 0, count: linux_cmsg_space(MemoryLayout<Int32>.size * 16))
        var descriptors: [FileDescriptor] = []
        let received = try systemCall("recvmsg") {
            bytes.withUnsafeMutableBytes { payload in
                control.withUnsafeMutableBytes { control in
                    var vector = iovec(iov_base: payload.baseAddress, iov_len: payload.count)
                    return withUnsafeMutablePointer(to: &vector) { vector in
                        var message = msghdr()
                        message.msg_iov = vector
                        message.msg_iovlen = 1
                        message.msg_control = control.baseAddress
                        message.msg_controllen = control.count
                        let received = recvmsg(socket.rawValue, &message, Int32(MSG_CMSG_CLOEXEC))
                        if received >= 0 { collectDescriptors(&message, into: &descriptors) }
                        return received
                    }
                }
            }
        }
        bytes.removeSubrange(received...)
        return (bytes, descriptors)
    }

    private static func collectDescriptors(_ message: inout msghdr, into descriptors: inout [FileDescriptor]) {
        var header = linux_cmsg_firsthdr(&message)
        while let current = header {
            if current.pointee.cmsg_level == SOL_SOCKET, current.pointee.cmsg_type == Int32(SCM_RIGHTS) {
                let count = (current.pointee.cmsg_len - linux_cmsg_len(0)) / MemoryLayout<Int32>.size
                linux_cmsg_data(current).withMemoryRebound(to: Int32.self, capacity: count) {
                    for index in 0..<count { descriptors.append(FileDescriptor(owning: $0[index])) }
                }
            }
            header = linux_cmsg_nxthdr(&message, current)
        }
    }

    private static func make() throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: try systemCall("socket") { socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0) }
        )
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
    ) throws(SystemError) {
        var address = sockaddr_un()
        let capacity = MemoryLayout.size(ofValue: address.sun_path) - 1
        var directory: FileDescriptor?
        var name = path
        if path.utf8.count > capacity {
            let parent = try FileDescriptor.openDirectory(Files.parent(of: path))
            name = "\(parent.procPath)/\(Files.lastComponent(of: path))"
            directory = parent
        }
        guard name.utf8.count <= capacity else { throw SystemError("bind", errno: ENAMETOOLONG, subject: path) }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name.utf8) }
        var failure: SystemError?
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                do throws(SystemError) {
                    try body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
                } catch {
                    failure = error
                }
            }
        }
        withExtendedLifetime(directory) {}
        if let failure { throw failure }
    }
}
