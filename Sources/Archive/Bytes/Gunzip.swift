import CISAL
import Errors

/// Decompresses gzip (RFC 1952) with ISA-L, members one after the other, checksums verified.
final class GunzipSource: ByteSource {
    private let upstream: any ByteSource
    private let state = UnsafeMutablePointer<inflate_state>.allocate(capacity: 1)
    private let output = UnsafeMutablePointer<UInt8>.allocate(capacity: GunzipSource.outputSize)
    private var input = UnsafeRawBufferPointer(start: nil, count: 0)
    private var phase = Phase.member

    private enum Phase { case member, betweenMembers, end }

    private static let outputSize = 256 * 1024

    init(_ upstream: any ByteSource) {
        self.upstream = upstream
        isal_inflate_init(state)
        state.pointee.crc_flag = UInt32(ISAL_GZIP)
    }

    deinit {
        state.deallocate()
        output.deallocate()
    }

    /// The place of the byte that is looked at next.
    var position: Int64 { upstream.position - Int64(state.pointee.avail_in) }

    func next() throws -> UnsafeRawBufferPointer {
        state.pointee.next_out = output
        state.pointee.avail_out = UInt32(Self.outputSize)
        while phase != .end, state.pointee.avail_out > 0 {
            if state.pointee.avail_in == 0, try !refill() {
                if phase == .member {
                    throw BerthError.invalidArgument(
                        "the gzip stream is truncated: it ends at byte \(upstream.position)")
                }
                phase = .end
                break
            }
            if phase == .betweenMembers, !startMember() { break }
            try inflate()
        }
        return UnsafeRawBufferPointer(start: output, count: Self.outputSize - Int(state.pointee.avail_out))
    }

    private func inflate() throws {
        let code = isal_inflate(state)
        guard code == ISAL_DECOMP_OK || code == ISAL_END_INPUT || code == ISAL_OUT_OVERFLOW else {
            let reason = code == ISAL_INCORRECT_CHECKSUM ? "its checksum does not match" : "its data is invalid"
            throw BerthError.invalidArgument("the gzip stream is damaged near byte \(position): \(reason)")
        }
        if state.pointee.block_state == ISAL_BLOCK_FINISH { phase = .betweenMembers }
    }

    /// Another member, or bytes after the last one (padding of tapes and the like), which are passed over.
    private func startMember() -> Bool {
        guard state.pointee.next_in.pointee == 0x1f else {
            phase = .end
            return false
        }
        let (nextIn, availableIn) = (state.pointee.next_in, state.pointee.avail_in)
        let (nextOut, availableOut) = (state.pointee.next_out, state.pointee.avail_out)
        isal_inflate_reset(state)
        state.pointee.crc_flag = UInt32(ISAL_GZIP)
        (state.pointee.next_in, state.pointee.avail_in) = (nextIn, availableIn)
        (state.pointee.next_out, state.pointee.avail_out) = (nextOut, availableOut)
        phase = .member
        return true
    }

    private func refill() throws -> Bool {
        input = try upstream.next()
        guard let base = input.baseAddress, !input.isEmpty else { return false }
        // ISA-L takes a mutable pointer but only reads.
        state.pointee.next_in = UnsafeMutableRawPointer(mutating: base).assumingMemoryBound(to: UInt8.self)
        state.pointee.avail_in = UInt32(input.count)
        return true
    }
}
