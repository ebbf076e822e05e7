import Errors
import Glibc
import Linux

/// The files of a rotated log: `path` is being written, `path.1` was before it, and so on.
struct LogFiles {
    let path: String

    /// An open file of a log; a rename does not change what it is.
    struct Open {
        let file: FileDescriptor
        let inode: UInt64
    }

    /// Opens the files, newest first, down to (and without) the one that is known already. Newest
    /// first, since a rotation meanwhile moves files towards the end of the list: a file may then be
    /// met twice, but none is missed.
    func open(newerThan known: Open? = nil) throws(SystemError) -> [Open] {
        var found: [Open] = []
        var missing = 0
        var index = 0
        while missing < 2 {
            defer { index += 1 }
            guard let open = try open(index == 0 ? path : "\(path).\(index)") else {
                // In the middle of a rotation there is no newest file for a moment.
                missing += index == 0 ? 0 : 2
                continue
            }
            if open.inode == known?.inode { break }
            if !found.contains(where: { $0.inode == open.inode }) { found.append(open) }
        }
        return found
    }

    private func open(_ path: String) throws(SystemError) -> Open? {
        do throws(SystemError) {
            let file = try FileDescriptor.open(path, O_RDONLY)
            return Open(file: file, inode: try file.status().inode)
        } catch {
            if error.errno == ENOENT { return nil }
            throw error
        }
    }

    /// Whether the file that is being written is this one.
    func isCurrent(_ open: Open) -> Bool { (try? Files.status(path).inode) == open.inode }
}

/// Finds where the last lines of a log begin, reading backwards from its end.
struct LogTail {
    /// Lines still to be found. A line is a record that ends with a newline, with the parts before it.
    private var wanted: Int
    private var hasRecord = false

    init(_ lines: Int) { wanted = lines }

    /// Where in `file` the wanted lines begin; nil when they begin before it, in an older file.
    mutating func start(in file: FileDescriptor) throws(SystemError) -> Int64? {
        var lineEnd = try endOfLastLine(in: file)
        var blockEnd = lineEnd
        while blockEnd > 0 {
            let blockStart = max(0, blockEnd - 64 * 1024)
            let block = try file.read(upTo: Int(blockEnd - blockStart), at: blockStart)
            // The newline before a line belongs to the line before it.
            for index in block.indices.reversed() where block[index] == UInt8(ascii: "\n") {
                let lineStart = blockStart + Int64(index) + 1
                if lineStart >= lineEnd { continue }
                if try passes(file, lineStart, lineEnd) { return lineEnd }
                lineEnd = lineStart
            }
            blockEnd = blockStart
        }
        if lineEnd > 0, try passes(file, 0, lineEnd) { return lineEnd }
        return nil
    }

    /// Counts the record; true when it is one line too many, so that the wanted ones begin after it.
    private mutating func passes(_ file: FileDescriptor, _ start: Int64, _ end: Int64) throws(SystemError) -> Bool {
        var endsLine = true
        if hasRecord { endsLine = try Self.endsLine(file, start, end) }
        hasRecord = true
        guard endsLine else { return false }
        if wanted == 0 { return true }
        wanted -= 1
        return false
    }

    /// Behind the last newline there may be a record that is just being written.
    private func endOfLastLine(in file: FileDescriptor) throws(SystemError) -> Int64 {
        var end = try file.status().size
        while end > 0 {
            let start = max(0, end - 64 * 1024)
            let block = try file.read(upTo: Int(end - start), at: start)
            if let newline = block.lastIndex(of: UInt8(ascii: "\n")) { return start + Int64(newline) + 1 }
            end = start
        }
        return 0
    }

    /// Whether the text of a record ends with a newline, told by what stands before its stream.
    private static func endsLine(_ file: FileDescriptor, _ start: Int64, _ end: Int64) throws(SystemError) -> Bool {
        let from = max(start, end - 160)
        let bytes = try file.read(upTo: Int(end - from), at: from)
        let marker = Array(#"","stream":""#.utf8)
        guard bytes.count > marker.count,
            let place = (0...bytes.count - marker.count).last(where: { bytes[$0...].starts(with: marker) })
        else { return true }
        guard place >= 2, bytes[place - 1] == UInt8(ascii: "n") else { return false }
        // `\n` is a newline, `\\n` a backslash and an n.
        let backslashes = bytes[..<(place - 1)].reversed().prefix { $0 == UInt8(ascii: "\\") }.count
        return backslashes % 2 == 1
    }
}
