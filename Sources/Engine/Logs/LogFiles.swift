import Errors
import Glibc
import Linux

/// The files of a rotated log: `path` is being written, `path.1` was before it, and so on; older ones
/// may be compressed, as `path.1.gz`.
struct LogFiles {
    let path: String

    /// An open file of a log; neither a rename nor its compression changes what it is.
    final class Open {
        private let source: FileDescriptor
        private let directory: String
        private let isCompressed: Bool
        private var plain: FileDescriptor?
        /// Of the file that the shim wrote.
        let inode: UInt64

        fileprivate init(_ source: FileDescriptor, isCompressed: Bool, directory: String) throws(SystemError) {
            self.source = source
            self.isCompressed = isCompressed
            self.directory = directory
            let own = try source.status().inode
            inode = isCompressed ? try LogCompression.originalInode(of: source) ?? own : own
        }

        /// The records. A compressed file is expanded when it is first asked for.
        func file() throws(SystemError) -> FileDescriptor {
            guard isCompressed else { return source }
            if let plain { return plain }
            let made = try LogCompression.expand(source, in: directory)
            plain = made
            return made
        }

        /// A number of a file that is gone may be given to another, but not with the same time; a
        /// compressed file has the time of what it was made from.
        fileprivate func isSame(as other: Open) throws(SystemError) -> Bool {
            guard inode == other.inode else { return false }
            guard isCompressed || other.isCompressed else { return true }
            return try source.status().modified == other.source.status().modified
        }
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
            guard let open = try open(index == 0 ? path : "\(path).\(index)", orCompressed: index > 0) else {
                // In the middle of a rotation there is no newest file for a moment.
                missing += index == 0 ? 0 : 2
                continue
            }
            if let known, try open.isSame(as: known) { break }
            var isNew = true
            for other in found where try open.isSame(as: other) { isNew = false }
            if isNew { found.append(open) }
        }
        return found
    }

    private func open(_ path: String, orCompressed mayBeCompressed: Bool) throws(SystemError) -> Open? {
        let directory = Files.parent(of: path)
        for suffix in mayBeCompressed ? ["", ".gz"] : [""] {
            do throws(SystemError) {
                return try Open(
                    FileDescriptor.open(path + suffix, O_RDONLY), isCompressed: !suffix.isEmpty, directory: directory)
            } catch {
                if error.errno != ENOENT { throw error }
            }
        }
        return nil
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
        let marker = Array(#"","stream":""#.utf8)
        var bytes: [UInt8] = []
        var found: Int?
        // A record with attributes is longer behind its text.
        for length: Int64 in [160, 64 * 1024] where found == nil {
            let from = max(start, end - length)
            bytes = try file.read(upTo: Int(end - from), at: from)
            // The first: the name of an attribute may look the same.
            guard bytes.count > marker.count else { continue }
            found = (0...bytes.count - marker.count).first { bytes[$0...].starts(with: marker) }
        }
        guard let place = found else { return true }
        guard place >= 2, bytes[place - 1] == UInt8(ascii: "n") else { return false }
        // `\n` is a newline, `\\n` a backslash and an n.
        let backslashes = bytes[..<(place - 1)].reversed().prefix { $0 == UInt8(ascii: "\\") }.count
        return backslashes % 2 == 1
    }
}
