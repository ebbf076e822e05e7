import Errors
import Glibc
import Linux

/// Reads the lines of a log from a starting point on, from one file to the next.
final class LogCursor {
    private let files: LogFiles
    private var current: LogFiles.Open?
    private var offset: Int64 = 0
    /// Files after the current one, oldest first.
    private var later: [LogFiles.Open] = []
    /// The beginning of a line whose end has not been read.
    private var unfinished: [UInt8] = []
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1024, alignment: 4096)

    /// - Parameter tail: how many lines from the end; nil for all.
    init(_ files: LogFiles, tail: Int?) throws(SystemError) {
        self.files = files
        var open = try files.open()
        if let tail {
            var finder = LogTail(tail)
            for (index, candidate) in open.enumerated() {
                guard let start = try finder.start(in: candidate.file()) else { continue }
                open.removeSubrange((index + 1)...)
                offset = start
                break
            }
        }
        later = open.reversed()
        current = later.isEmpty ? nil : later.removeFirst()
    }

    deinit { buffer.deallocate() }

    enum Step { case read, atEnd }

    /// Reads one piece and gives its lines to the encoder.
    func step(_ encoder: inout LogEncoder) throws(SystemError) -> Step {
        guard let open = current else { return try advance(&encoder) }
        let count = try open.file().read(into: buffer, at: offset)
        if count == 0 { return try advance(&encoder) }
        offset += Int64(count)
        take(UnsafeRawBufferPointer(rebasing: buffer[..<count]), &encoder)
        return .read
    }

    /// At the end of a file: goes to the next, if there is one.
    private func advance(_ encoder: inout LogEncoder) throws(SystemError) -> Step {
        if later.isEmpty {
            if let open = current {
                if files.isCurrent(open) { return try restartIfTruncated(open) }
                // It was rotated away; what was written just before that is still to be read.
                let last = try open.file().read(into: buffer, at: offset)
                if last > 0 {
                    offset += Int64(last)
                    take(UnsafeRawBufferPointer(rebasing: buffer[..<last]), &encoder)
                    return .read
                }
            }
            later = try files.open(newerThan: current).reversed()
            if later.isEmpty { return .atEnd }
        }
        if !unfinished.isEmpty {
            encoder.noteDamage(bytes: unfinished.count)
            unfinished.removeAll()
        }
        current = later.removeFirst()
        offset = 0
        return .read
    }

    /// A log of a single file is emptied instead of rotated.
    private func restartIfTruncated(_ open: LogFiles.Open) throws(SystemError) -> Step {
        guard try open.file().status().size < offset else { return .atEnd }
        offset = 0
        unfinished.removeAll()
        return .read
    }

    private func take(_ bytes: UnsafeRawBufferPointer, _ encoder: inout LogEncoder) {
        var rest = bytes.bindMemory(to: UInt8.self)
        while let base = rest.baseAddress, let found = memchr(base, 0x0a, rest.count) {
            let length = UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
            let line = UnsafeBufferPointer(rebasing: rest[..<length])
            if unfinished.isEmpty {
                encoder.append(line)
            } else {
                unfinished.append(contentsOf: line)
                unfinished.withUnsafeBufferPointer { encoder.append($0) }
                unfinished.removeAll(keepingCapacity: true)
            }
            rest = UnsafeBufferPointer(rebasing: rest[(length + 1)...])
        }
        unfinished.append(contentsOf: rest)
    }
}
