import CLinux
import Glibc

/// A netlink socket of one family, in the network namespace of the thread that opened it. Cheap
/// enough (a few microseconds) to be opened for one exchange, so that nothing has to be shared:
/// the kernel itself puts the changes of several sockets in order.
struct NetlinkSocket: ~Copyable {
    let descriptor: FileDescriptor
    private var sequence: UInt32
    private var buffer: [UInt8]

    init(family: Int32) throws(SystemError) { self.init(reusing: try Self.open(family)) }

    /// A socket on which all earlier exchanges came to their end.
    init(reusing descriptor: FileDescriptor) {
        self.descriptor = descriptor
        sequence = 0
        buffer = [UInt8](repeating: 0, count: 32 * 1024)
    }

    private static func open(_ family: Int32) throws(SystemError) -> FileDescriptor {
        let type = Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = FileDescriptor(
            owning: try systemCall("socket", "netlink") { socket(AF_NETLINK, type, family) })
        // Errors come with the kernel's own words, and without our message repeated behind them.
        for option in [NETLINK_EXT_ACK, NETLINK_CAP_ACK] {
            var on: Int32 = 1
            try systemCall("setsockopt", "netlink") {
                setsockopt(descriptor.rawValue, SOL_NETLINK, option, &on, socklen_t(MemoryLayout<Int32>.size))
            }
        }
        // The kernel answers before `send` returns; waiting longer than this means that it never will.
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        try systemCall("setsockopt", "netlink") {
            setsockopt(descriptor.rawValue, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        return descriptor
    }

    /// Sends all messages in one call and waits for the answer to each. `receive` is given what the
    /// kernel sends besides acknowledgements. Throws the first error; messages behind the failed one
    /// were carried out all the same, unless the family has transactions.
    ///
    /// `unanswered` messages at either end (the frame of a transaction) get no acknowledgement.
    mutating func exchange(
        _ messages: [NetlinkMessage], unanswered: Set<Int> = [], receive: (NetlinkReply) -> Void = { _ in }
    ) throws(SystemError) {
        var request: [UInt8] = []
        let first = sequence &+ 1
        for var message in messages {
            sequence &+= 1
            message.number(sequence)
            request.append(contentsOf: message.bytes)
        }
        try send(request)

        var open = Set(messages.indices).subtracting(unanswered)
        var failure: SystemError?
        while !open.isEmpty {
            let count = try receiveDatagram()
            for message in Frames(buffer[..<count]) {
                // Numbers of an earlier, failed exchange on this socket are of no interest.
                let index = Int(message.sequence &- first)
                guard messages.indices.contains(index) else { continue }
                switch Int32(message.reply.type) {
                case NLMSG_ERROR:
                    open.remove(index)
                    let error = Self.error(message, of: messages[index])
                    // A refused frame means that the transaction never began.
                    if error != nil, unanswered.contains(index) { open.removeAll() }
                    failure = failure ?? error
                case NLMSG_DONE:
                    open.remove(index)
                    failure = failure ?? Self.error(message, of: messages[index])
                default:
                    if message.flags & UInt16(NLM_F_DUMP_INTR) != 0 {
                        failure = failure ?? SystemError(messages[index].call, errno: EINTR)
                    }
                    receive(message.reply)
                }
            }
        }
        if let failure { throw failure }
    }

    /// A list of everything of a kind. When something changed meanwhile the kernel says so and the
    /// list is asked for again.
    mutating func dump<Element>(
        _ message: NetlinkMessage, _ parse: (NetlinkReply) -> Element?
    ) throws(SystemError) -> [Element] {
        for _ in 0..<16 {
            do throws(SystemError) {
                var elements: [Element] = []
                try exchange([message]) { reply in
                    if let element = parse(reply) { elements.append(element) }
                }
                return elements
            } catch {
                guard error.errno == EINTR else { throw error }
            }
        }
        throw SystemError(message.call, errno: EAGAIN, subject: "the list changed again and again while being read")
    }

    private func send(_ request: [UInt8]) throws(SystemError) {
        // A transaction can be larger than the default send buffer of about 200 KiB. FORCE needs
        // CAP_NET_ADMIN, which whoever changes the network has.
        if request.count > 128 * 1024 {
            var size = Int32(clamping: request.count * 2)
            _ = setsockopt(
                descriptor.rawValue, SOL_SOCKET, SO_SNDBUFFORCE, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        try systemCall("sendto", "netlink") { Glibc.send(descriptor.rawValue, request, request.count, 0) }
    }

    private mutating func receiveDatagram() throws(SystemError) -> Int {
        while true {
            let count = try systemCall("recv", "netlink") {
                recv(descriptor.rawValue, &buffer, buffer.count, Int32(MSG_PEEK | MSG_TRUNC))
            }
            // Fits nearly always; the kernel's datagrams are at most 32 KiB unless one object is larger.
            if count > buffer.count { buffer = [UInt8](repeating: 0, count: count) }
            return try systemCall("recv", "netlink") { recv(descriptor.rawValue, &buffer, buffer.count, 0) }
        }
    }

    /// The error that an acknowledgement carries, with the kernel's explanation when it gives one.
    private static func error(_ frame: Frames.Frame, of request: NetlinkMessage) -> SystemError? {
        guard let code = frame.reply.payload.value(Int32.self), code < 0 else { return nil }
        var subject = request.subject
        // In an error the header of our message stands between the code and the attributes.
        let fixed = Int32(frame.reply.type) == NLMSG_ERROR ? 4 + NetlinkMessage.headerSize : 4
        if frame.flags & UInt16(NLM_F_ACK_TLVS) != 0,
            let text = frame.reply.attributes(after: fixed)[NLMSGERR_ATTR_MSG.rawValue]?.text, !text.isEmpty
        {
            subject = subject.isEmpty ? "(\(text))" : "\(subject) (\(text))"
        }
        return SystemError(request.call, errno: -code, subject: subject)
    }
}

/// The messages of one datagram.
private struct Frames: Sequence, IteratorProtocol {
    struct Frame {
        let flags: UInt16
        let sequence: UInt32
        let reply: NetlinkReply
    }

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    mutating func next() -> Frame? {
        guard let header = rest.value(nlmsghdr.self), header.nlmsg_len >= NetlinkMessage.headerSize,
            Int(header.nlmsg_len) <= rest.count
        else { return nil }
        let payload = rest.prefix(Int(header.nlmsg_len)).dropFirst(NetlinkMessage.headerSize)
        rest = rest.dropFirst((Int(header.nlmsg_len) + 3) & ~3)
        return Frame(
            flags: header.nlmsg_flags, sequence: header.nlmsg_seq,
            reply: NetlinkReply(type: header.nlmsg_type, payload: payload))
    }
}
