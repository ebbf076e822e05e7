import Errors
import Glibc
import Linux

/// Writes a tar archive in the pax interchange format (POSIX.1-2001).
///
/// The bytes depend on the entries alone: no host name, no present time, no library version. That
/// keeps the digests of image layers the same wherever they are made, which is why the headers are
/// written here.
public final class TarWriter {
    private let sink: any ByteSink
    /// Bytes of archive so far.
    public private(set) var count: Int64 = 0

    public init(_ sink: any ByteSink) { self.sink = sink }

    public convenience init(to file: FileDescriptor) { self.init(FileSink(file)) }

    /// An entry without contents, or with `contents` of exactly `entry.size` bytes.
    public func add(_ entry: TarEntry, contents: [UInt8] = []) throws {
        var entry = entry
        entry.size = Int64(contents.count)
        try header(entry)
        try put(contents)
        try pad(entry.size)
    }

    /// A file whose contents are read from the current offset of `file`. A file that shrinks
    /// meanwhile is filled up with zeros to `entry.size`; what it grew by is left out.
    public func add(_ entry: TarEntry, contentsOf file: FileDescriptor) throws {
        try header(entry)
        let copied = try sink.write(from: file, count: entry.size)
        count += copied
        try zeros(entry.size - copied)
        try pad(entry.size)
    }

    /// A file whose contents are all of `source`, which has to give `entry.size` bytes.
    public func add(_ entry: TarEntry, contentsOf source: any ByteSource) throws {
        try header(entry)
        var left = entry.size
        while true {
            let bytes = try source.next()
            if bytes.isEmpty { break }
            left -= Int64(bytes.count)
            if left < 0 { break }
            count += Int64(bytes.count)
            try sink.write(bytes)
        }
        guard left == 0 else {
            throw BerthError.internal("\"\(entry.path)\" did not have the \(entry.size) bytes that were announced")
        }
        try pad(entry.size)
    }

    /// A regular file of mode 0644.
    public func add(file path: String, _ contents: [UInt8], mode: UInt32 = 0o644, modified: Int64 = 0) throws {
        try add(TarEntry(path: RawPath(path), kind: .file, mode: mode, modified: modified), contents: contents)
    }

    /// Writes the end of the archive and finishes the sink.
    public func finish() throws {
        try zeros(1024)
        try sink.finish()
    }

    // MARK: Headers

    private func header(_ entry: TarEntry) throws {
        var block = HeaderBlock()
        var records = PaxRecords()
        var path = Array(entry.path.bytes)
        if entry.kind == .directory, path.last != UInt8(ascii: "/") { path.append(UInt8(ascii: "/")) }

        if !block.setPath(path) || !isASCII(path) { records.add("path", path) }
        if let target = entry.kind.linkTarget {
            let bytes = Array(target.bytes)
            if !block.setLink(bytes) || !isASCII(bytes) { records.add("linkpath", bytes) }
        }
        if !block.setNumber(.size, entry.size) { records.add("size", entry.size) }
        if !block.setNumber(.userID, Int64(entry.userID)) { records.add("uid", Int64(entry.userID)) }
        if !block.setNumber(.groupID, Int64(entry.groupID)) { records.add("gid", Int64(entry.groupID)) }
        // Whole seconds, as other engines write layers: fractions would double the headers.
        let seconds = entry.modified.flooredSeconds
        if !block.setNumber(.modified, seconds) { records.add("mtime", seconds) }
        _ = block.setNumber(.mode, Int64(entry.mode & 0o7777))
        if let device = entry.kind.device {
            guard block.setNumber(.deviceMajor, Int64(device.major)),
                block.setNumber(.deviceMinor, Int64(device.minor))
            else { throw BerthError.invalidArgument("\"\(entry.path)\": the device number is too large for tar") }
        }
        block.setType(entry.kind.typeFlag)
        for attribute in entry.attributes.sorted(by: { $0.name < $1.name }) {
            records.add("SCHILY.xattr." + attribute.name, attribute.value)
        }

        if !records.bytes.isEmpty {
            var extended = HeaderBlock()
            let base = path.split(separator: UInt8(ascii: "/")).last ?? []
            _ = extended.setPath(Array("PaxHeaders.0/".utf8) + base.prefix(80))
            _ = extended.setNumber(.size, Int64(records.bytes.count))
            _ = extended.setNumber(.mode, 0o644)
            extended.setType(UInt8(ascii: "x"))
            try put(extended.finished())
            try put(records.bytes)
            try pad(Int64(records.bytes.count))
        }
        try put(block.finished())
    }

    private func isASCII(_ bytes: [UInt8]) -> Bool { bytes.allSatisfy { $0 < 0x80 } }

    private func put(_ bytes: [UInt8]) throws {
        count += Int64(bytes.count)
        try sink.write(bytes)
    }

    /// Fills up the last block of contents.
    private func pad(_ size: Int64) throws {
        let rest = size % 512
        if rest != 0 { try zeros(512 - rest) }
    }

    private func zeros(_ count: Int64) throws {
        var left = count
        let block = [UInt8](repeating: 0, count: Int(min(left, 64 * 1024)))
        while left > 0 {
            let step = Int(min(left, Int64(block.count)))
            try put(step == block.count ? block : Array(block[..<step]))
            left -= Int64(step)
        }
    }
}

extension TarEntry.Kind {
    fileprivate var linkTarget: RawPath? {
        switch self {
        case .symbolicLink(let target), .hardLink(let target): target
        default: nil
        }
    }

    fileprivate var device: (major: UInt32, minor: UInt32)? {
        switch self {
        case .characterDevice(let major, let minor), .blockDevice(let major, let minor): (major, minor)
        default: nil
        }
    }

    fileprivate var typeFlag: UInt8 {
        switch self {
        case .file: UInt8(ascii: "0")
        case .hardLink: UInt8(ascii: "1")
        case .symbolicLink: UInt8(ascii: "2")
        case .characterDevice: UInt8(ascii: "3")
        case .blockDevice: UInt8(ascii: "4")
        case .directory: UInt8(ascii: "5")
        case .fifo: UInt8(ascii: "6")
        }
    }
}

extension Int64 {
    /// Nanoseconds as whole seconds, towards the past.
    fileprivate var flooredSeconds: Int64 {
        let (seconds, rest) = quotientAndRemainder(dividingBy: 1_000_000_000)
        return rest < 0 ? seconds - 1 : seconds
    }
}
