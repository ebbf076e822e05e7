import Archive
import Errors
import Glibc
import Linux

/// Compresses the older files of a log, and expands them for whoever reads it.
enum LogCompression {
    private static let temporary: Int32 = 0o20200000  // O_TMPFILE

    /// Puts `path.N.gz` in the place of each `path.N`. The shim may rotate meanwhile, so that a file is
    /// found under another number at the end; it does not while the directory is locked.
    static func compressOlder(than path: String, files: Int32) throws {
        for index in 1...max(1, files) {
            guard let plain = try? FileDescriptor.open("\(path).\(index)", O_RDONLY) else { continue }
            let status = try plain.status()
            let made = "\(path).gz.tmp"
            do {
                try compress(plain, to: made, status)
                try place(made, insteadOf: status.inode, path: path, files: files)
            } catch {
                try? Files.unlink(made)
                throw error
            }
        }
    }

    /// Before the records stands an empty member whose "file name" says which file they are from.
    private static func compress(_ plain: FileDescriptor, to path: String, _ status: FileStatus) throws {
        let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o640)
        try file.writeAll(nameHead + "\(status.inode)".utf8 + [0] + emptyBody)
        let sink = GzipSink(FileSink(file))
        while true {
            let bytes = try plain.read(upTo: 256 * 1024)
            if bytes.isEmpty { break }
            try sink.write(bytes)
        }
        try sink.finish()
        try file.setTimes(accessed: status.modified, modified: status.modified)
    }

    /// RFC 1952: magic, deflate, "a name follows", no time, no flags, Unix.
    private static let nameHead: [UInt8] = [0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]
    /// A last block of nothing, and the checksum and length of nothing.
    private static let emptyBody: [UInt8] = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0]

    /// The number of the file that a compressed one was made from.
    static func originalInode(of compressed: FileDescriptor) throws(SystemError) -> UInt64? {
        let head = try compressed.read(upTo: nameHead.count + 21, at: 0)
        guard head.starts(with: nameHead) else { return nil }
        return UInt64(String(decoding: head.dropFirst(nameHead.count).prefix { $0 != 0 }, as: UTF8.self))
    }

    private static func place(_ made: String, insteadOf inode: UInt64, path: String, files: Int32) throws {
        let lock = try FileDescriptor.openDirectory(Files.parent(of: path))
        flock(lock.rawValue, LOCK_EX)
        defer { flock(lock.rawValue, LOCK_UN) }
        for index in 1...max(1, files) where (try? Files.status("\(path).\(index)").inode) == inode {
            try Files.rename(made, to: "\(path).\(index).gz")
            return try Files.unlink("\(path).\(index)")
        }
        // It was the last, and was dropped.
        try Files.unlink(made)
    }

    /// The records of a compressed file, in one that has no name.
    static func expand(_ compressed: FileDescriptor, in directory: String) throws(SystemError) -> FileDescriptor {
        let plain = try FileDescriptor.open(directory, temporary | O_RDWR, mode: 0o600)
        do {
            let source = try Decompressed(FileSource(compressed))
            while true {
                let bytes = try source.next()
                if bytes.isEmpty { return plain }
                try plain.writeAll(buffer: bytes)
            }
        } catch let error as SystemError {
            throw error
        } catch {
            throw SystemError("expanding", errno: EIO, subject: "\(error)")
        }
    }
}
