import Errors
import Glibc
import Linux
import ShimProtocol

// Parent of one container. The daemon starts it with a socket as descriptor 3, over which the first
// frame says what to run; see Shim.

if InitProcess.isWanted { InitProcess.run() }

Linux.Process.setName("berth-shim")
let daemon = FileDescriptor(owning: 3)
do {
    var received: [UInt8] = []
    var descriptors: [FileDescriptor] = []
    var first = try Frame.takeFirst(of: &received)
    while first == nil {
        let (bytes, more) = try UnixSocket.receive(upTo: 256 * 1024, over: daemon)
        if bytes.isEmpty { exit(1) }
        received += bytes
        descriptors += more
        first = try Frame.takeFirst(of: &received)
    }
    guard let first, case .launch(let launch) = try Frame.decode(ShimRequest.self, first) else {
        throw BerthError.internal("the first message to a shim must say what to run")
    }
    do {
        try Shim(launch).run(daemon, received: received, descriptors: descriptors)
    } catch {
        try daemon.writeAll(Frame.encode(ShimEvent.failed(Failure(.setup, "\(error)"))))
    }
} catch {
    try? FileDescriptor(owning: dup(2)).writeAll("berth-shim: \(error)\n")
    exit(1)
}
