import Glibc
import Linux

/// The program's standard input.
final class StreamInput: EventHandler {
    private let loop: EventLoop
    private unowned let streams: Streams
    private var descriptor: FileDescriptor?
    private var watch: EventLoop.Watch?
    private var pending: [UInt8] = []
    private var closesWhenWritten = false

    init(_ descriptor: FileDescriptor, loop: EventLoop, streams: Streams) {
        self.descriptor = descriptor
        self.loop = loop
        self.streams = streams
    }

    var isFull: Bool { pending.count > 64 * 1024 }

    func write(_ bytes: [UInt8]) {
        guard descriptor != nil, !closesWhenWritten else { return }
        pending += bytes
        flush()
    }

    func close() {
        closesWhenWritten = true
        flush()
    }

    func ready(_ events: Poller.Interest, on watch: EventLoop.Watch) {
        flush()
        if !isFull { streams.inputDrained() }
    }

    private func flush() {
        guard let descriptor else { return }
        do throws(SystemError) {
            while !pending.isEmpty {
                let count = try pending[...].withUnsafeBytesTyped { (buffer) throws(SystemError) in
                    try descriptor.write(buffer)
                }
                pending.removeFirst(count)
            }
        } catch {
            if error.errno == EAGAIN { return waitToWrite(descriptor) }
            // The program closed its input: what is typed from here on goes nowhere.
            pending = []
            closesWhenWritten = true
        }
        if let watch {
            loop.end(watch)
            self.watch = nil
        }
        if closesWhenWritten { self.descriptor = nil }
    }

    private func waitToWrite(_ descriptor: FileDescriptor) {
        if watch == nil { watch = try? loop.watch(descriptor, .write, self) }
    }
}

extension ArraySlice<UInt8> {
    /// `withUnsafeBytes` that keeps the type of the error.
    func withUnsafeBytesTyped<Result>(
        _ body: (UnsafeRawBufferPointer) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        var outcome: Swift.Result<Result, SystemError>?
        withUnsafeBytes { buffer in
            do throws(SystemError) {
                outcome = .success(try body(buffer))
            } catch {
                outcome = .failure(error)
            }
        }
        guard let outcome else { preconditionFailure("withUnsafeBytes did not call its body") }
        return try outcome.get()
    }
}
