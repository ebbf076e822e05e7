import Archive
import Errors
import Linux

/// How far a file has been written, for those who read it meanwhile.
final class WriteProgress: Sendable {
    private enum State {
        case writing(Int64)
        case complete(Int64)
        case failed
    }

    private let state = Monitor(State.writing(0))

    func advance(to count: Int64) { state.update { $0 = .writing(count) } }
    func complete(_ count: Int64) { state.update { $0 = .complete(count) } }
    /// Whoever reads gets an error. Does nothing after `complete`.
    func fail() { state.update { if case .writing = $0 { $0 = .failed } } }

    /// Waits until there is more than `offset`: how much there is, or nil at the end.
    func wait(beyond offset: Int64) throws -> Int64? {
        let outcome: Result<Int64?, BerthError> = state.wait { state in
            switch state {
            case .writing(let count): count > offset ? .success(count) : nil
            case .complete(let count): .success(count > offset ? count : nil)
            case .failed: .failure(.internal("the file that was being read could not be written"))
            }
        }
        return try outcome.get()
    }
}

/// Reads a file while it is being written: unpacking a layer does not wait for its last byte.
final class GrowingFileSource: ByteSource {
    private let file: FileDescriptor
    private let progress: WriteProgress
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 4096)
    private(set) var position: Int64 = 0

    init(_ file: FileDescriptor, _ progress: WriteProgress) {
        self.file = file
        self.progress = progress
    }

    deinit { buffer.deallocate() }

    func next() throws -> UnsafeRawBufferPointer {
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        guard let available = try progress.wait(beyond: position) else { return nothing }
        let wanted = Int(min(available - position, Int64(buffer.count)))
        let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: position)
        position += Int64(count)
        return UnsafeRawBufferPointer(rebasing: buffer[..<count])
    }
}
