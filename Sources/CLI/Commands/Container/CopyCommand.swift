import Archive
import Client
import EngineAPI
import Errors
import Glibc
import Linux

/// `berth cp`.
struct CopyCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
        "Copy files between a container and this host", .exactly(2))
    static let flags: [Flag<CopyCommand>] = [
        .bool(\.archive, "archive", "a", "Keep the owners of files"),
        .bool(\.followLink, "follow-link", "L", "Follow a symbolic link given as the source"),
        .bool(\.quiet, "quiet", "q", "Say nothing about what was copied"),
    ]

    var archive = false
    var followLink = false
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let source = CopyEnd(arguments[0])
        let target = CopyEnd(arguments[1])
        try refuseWindowsPaths(source, target)
        do {
            switch (source, target) {
            case (.container(let id, let path), .local(let local)):
                try await ContainerToHost(id: id, path: path, local: local, options: self, session: session).run()
            case (.local(let local), .container(let id, let path)):
                try await HostToContainer(id: id, path: path, local: local, options: self, session: session).run()
            case (.container, .container):
                throw BerthError.invalidArgument("copying between containers is not supported")
            case (.local, .local):
                throw BerthError.invalidArgument("must specify at least one container source")
            }
        } catch let error as BerthError where error.code == .notFound {
            // `c:/etc` may be meant: an ID can be as short as this.
            guard let path = arguments.first(where: CopyEnd.hasDriveLetter), error.message.contains("o such container")
            else { throw error }
            throw Self.windowsPath(path)
        }
    }

    /// A drive letter that can be no container: of a name's or ID's form it is not, or both sides would be one.
    private func refuseWindowsPaths(_ source: CopyEnd, _ target: CopyEnd) throws(BerthError) {
        for text in arguments where CopyEnd.hasDriveLetter(text) {
            let letter = text.prefix(1)
            var areBothContainers = false
            if case (.container, .container) = (source, target) { areBothContainers = true }
            if areBothContainers || letter != letter.lowercased() || text.dropFirst(2).hasPrefix("\\") {
                throw Self.windowsPath(text)
            }
        }
    }

    private static func windowsPath(_ path: String) -> BerthError {
        .invalidArgument(
            "\(path): this looks like a Windows path, but the command runs on Linux; "
                + "give the path as it is here, such as /home/me/index.html")
    }

    /// Nobody reads it in a script.
    func tell(_ bytes: Int64, _ target: String) {
        guard !quiet, Console.error.isTerminal else { return }
        Console.note("Successfully copied \(Human.size(bytes, digits: 3)) to \(target)")
    }

    /// The copy is part of the container alone, which the word `cp` does not tell.
    func hint(_ id: String, _ session: Session) {
        guard !quiet, Console.error.isTerminal else { return }
        Console.note(
            "The copy goes when the container is removed; \(session.program.name) commit \(id) IMAGE keeps it in an image"
        )
    }
}

/// One side of a copy.
enum CopyEnd: Equatable {
    case local(String)
    case container(String, path: String)

    /// `container:path`, unless the text begins like a path of this host.
    init(_ text: String) {
        guard !text.hasPrefix("/"), !text.hasPrefix("."), let colon = text.firstIndex(of: ":"),
            colon != text.startIndex
        else {
            self = .local(text)
            return
        }
        self = .container(String(text[..<colon]), path: String(text[text.index(after: colon)...]))
    }

    /// `C:\\…` or `C:/…`.
    static func hasDriveLetter(_ text: String) -> Bool {
        let head = Array(text.utf8.prefix(3))
        guard head.count == 3, head[1] == UInt8(ascii: ":"),
            head[2] == UInt8(ascii: "/") || head[2] == UInt8(ascii: "\\")
        else { return false }
        return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(head[0] | 0x20)
    }
}

/// Parts of paths as `cp` looks at them.
enum CopyPath {
    /// Ends in `/.`: what is in the directory, not the directory.
    static func meansContents(_ path: String) -> Bool { path == "." || path.hasSuffix("/.") }

    static func endsInSlash(_ path: String) -> Bool { path.hasSuffix("/") || meansContents(path) }

    /// Absolute, without `.`, `..` and double slashes.
    static func clean(_ path: String, in folder: String = "/") -> String {
        WorkingFolder(path: folder, home: folder).absolute(path.hasPrefix("~") ? "./" + path : path)
    }
}

extension PathStat {
    /// Bits of Go's `fs.FileMode`.
    var isDirectory: Bool { mode & 0x8000_0000 != 0 }
    var isSymbolicLink: Bool { mode & 0x0800_0000 != 0 }
}

private struct ContainerToHost: Sendable {
    let id: String
    let path: String
    let local: String
    let options: CopyCommand
    let session: Session

    func run() async throws {
        let source = try await resolved()
        if local == "-" {
            let (_, tar) = try await session.client.archive(source, of: id)
            for try await bytes in tar { Console.write(bytes, to: Console.output) }
            return
        }
        let (stat, tar) = try await session.client.archive(source, of: id)
        let target = session.workingFolder.absolute(local)
        let passed = SizeCounter()
        let display = ProgressDisplay(to: Console.error, quiet: options.quiet)
        display.track("Copying from container", passed)
        defer { display.finish() }
        let copied: Int64
        if stat.isDirectory {
            copied = try await copyDirectory(source, stat, tar, target, passed)
        } else {
            copied = try await copyFile(source, tar, target, passed)
        }
        display.finish()
        options.tell(copied, "\(target)")
    }

    /// The path in the container, past a symbolic link that is to be followed.
    private func resolved() async throws -> String {
        let clean = CopyPath.clean(path)
        guard options.followLink || CopyPath.endsInSlash(path) else { return clean }
        let stat = try await session.client.statPath(clean, in: id)
        guard stat.isSymbolicLink, !stat.linkTarget.isEmpty else { return clean }
        return CopyPath.clean(stat.linkTarget, in: Files.parent(of: clean))
    }

    private func copyDirectory(
        _ source: String, _ stat: PathStat, _ tar: ResponseBody, _ target: String, _ passed: SizeCounter
    ) async throws -> Int64 {
        var root = target
        switch (try? Files.status(target))?.kind {
        case .directory?:
            if !CopyPath.meansContents(path), source != "/" { root += "/" + Files.lastComponent(of: source) }
        case nil:
            guard Files.exists(Files.parent(of: target)) else {
                throw BerthError.notFound(
                    "invalid output path: directory \"\(Files.parent(of: target))\" does not exist")
            }
        default: throw BerthError.invalidArgument("cannot copy a directory to a file: \(target)")
        }
        let depth = source == "/" ? 0 : 1
        let keepsOwners = options.archive
        return try await TarPipe.download(tar, passed: passed) { [root] pipe in
            if !Files.exists(root) { try Files.makeDirectory(root, mode: mode_t(stat.mode & 0o777)) }
            var extraction = ExtractionOptions()
            extraction.strippedComponents = depth
            extraction.ownership = keepsOwners ? .archive : .current
            extraction.makesDevices = false
            let report = try Extraction.extract(
                from: FileSource(pipe), into: try FileDescriptor.openDirectory(root), options: extraction)
            return report.bytes
        }
    }

    private func copyFile(
        _ source: String, _ tar: ResponseBody, _ target: String, _ passed: SizeCounter
    ) async throws -> Int64 {
        var path = target
        if (try? Files.status(target))?.isDirectory ?? false {
            path += "/" + Files.lastComponent(of: source)
        } else if local.hasSuffix("/") {
            throw BerthError.notFound("the destination directory \(target) does not exist")
        } else if !Files.exists(Files.parent(of: target)) {
            throw BerthError.notFound("invalid output path: directory \"\(Files.parent(of: target))\" does not exist")
        }
        let keepsOwners = options.archive
        return try await TarPipe.download(tar, passed: passed) { [path] pipe in
            let reader = try TarReader(FileSource(pipe))
            guard let entry = try reader.next() else { throw BerthError.internal("the daemon sent an empty archive") }
            try SingleFile.write(entry, of: reader, to: path, keepsOwners: keepsOwners)
            return entry.size
        }
    }
}

/// One file or link out of an archive, under a name of the user's choice.
private enum SingleFile {
    static func write(_ entry: TarEntry, of reader: TarReader, to path: String, keepsOwners: Bool) throws {
        let parent = try FileDescriptor.openDirectory(Files.parent(of: path))
        let name = RawPath(Files.lastComponent(of: path))
        switch entry.kind {
        case .symbolicLink(let target):
            try? parent.unlink(name)
            try parent.makeSymbolicLink(name, to: target)
        case .file:
            let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: mode_t(entry.mode & 0o777))
            let source = reader.contentsSource()
            while true {
                let bytes = try source.next()
                if bytes.isEmpty { break }
                try file.writeAll(bytes)
            }
            try file.changeMode(mode_t(entry.mode & 0o7777))
            try parent.setTimes(name, accessed: entry.modified, modified: entry.modified)
        default: throw BerthError.invalidArgument("\(entry.path) is neither a file nor a directory")
        }
        if keepsOwners { try parent.changeOwner(name, user: entry.userID, group: entry.groupID) }
    }
}

private struct HostToContainer: Sendable {
    let id: String
    let path: String
    let local: String
    let options: CopyCommand
    let session: Session

    /// Where the archive is unpacked, and as what its top appears there.
    private struct Place {
        var directory: String
        /// Nil keeps the source's own name.
        var name: String?
    }

    func run() async throws {
        if local == "-" {
            let stat = try await session.client.statPath(CopyPath.clean(path), in: id)
            guard stat.isDirectory else {
                throw BerthError.invalidArgument("destination \"\(id):\(path)\" must be a directory")
            }
            try await session.client.putArchive(
                .descriptor(Console.input, contentType: "application/x-tar"), to: CopyPath.clean(path), in: id,
                keepOwners: options.archive)
            return
        }
        let source = try localSource()
        let place = try await place(sourceIsDirectory: source.isDirectory)
        let counter = SizeCounter()
        let keepsOwners = options.archive
        let passed = SizeCounter()
        let body = TarPipe.upload(passed: { passed.add($0) }) { writer in
            var packer = TreePacker(
                writer,
                adjust: { entry in
                    counter.add(entry.size)
                    if !keepsOwners { (entry.userID, entry.groupID) = (0, 0) }
                })
            if source.isContents, place.name == nil {
                try packer.packContents(of: try FileDescriptor.openDirectory(source.path))
            } else {
                let name = Files.lastComponent(of: source.path)
                try packer.pack(
                    RawPath(name), of: try FileDescriptor.openDirectory(Files.parent(of: source.path)),
                    as: RawPath(place.name ?? name))
            }
        }
        let display = ProgressDisplay(to: Console.error, quiet: options.quiet)
        display.track("Copying to container", passed)
        defer { display.finish() }
        try await session.client.putArchive(body, to: place.directory, in: id, keepOwners: keepsOwners)
        display.finish()
        options.tell(counter.total, "\(id):\(path)")
        options.hint(id, session)
    }

    private struct Source {
        var path: String
        var isDirectory: Bool
        /// Only what is in the directory.
        var isContents: Bool
    }

    private func localSource() throws -> Source {
        let path = session.workingFolder.absolute(local)
        do throws(SystemError) {
            let own = try FileDescriptor.openDirectory(Files.parent(of: path)).status(of: Files.lastComponent(of: path))
            let follows = options.followLink || CopyPath.endsInSlash(local)
            guard follows, own.kind == .symbolicLink else {
                return Source(path: path, isDirectory: own.isDirectory, isContents: CopyPath.meansContents(local))
            }
            let file = try FileDescriptor.open(path, FileDescriptor.pathOnly)
            let real = try FileDescriptor.openDirectory("/proc/self/fd").readLink("\(file.rawValue)")
            return Source(
                path: real, isDirectory: try file.status().isDirectory, isContents: CopyPath.meansContents(local))
        } catch {
            throw BerthError(
                error.errno == ENOENT ? .notFound : .invalidArgument, "lstat \(path): \(error.reason.lowercased())")
        }
    }

    private func place(sourceIsDirectory: Bool) async throws -> Place {
        var target = CopyPath.clean(path)
        var stat = try await statOrNil(target)
        if let link = stat, link.isSymbolicLink, !link.linkTarget.isEmpty {
            target = CopyPath.clean(link.linkTarget, in: Files.parent(of: target))
            stat = try await statOrNil(target)
        }
        if let stat, stat.isDirectory {
            // Contents of a directory go where they are sent, anything else below it by its name.
            return Place(directory: target, name: nil)
        }
        if stat != nil, sourceIsDirectory {
            throw BerthError.invalidArgument("cannot copy a directory to a file: \(id):\(path)")
        }
        if stat == nil, !sourceIsDirectory, path.hasSuffix("/") {
            throw BerthError.notFound("no such directory: \(id):\(path)")
        }
        return Place(directory: Files.parent(of: target), name: Files.lastComponent(of: target))
    }

    private func statOrNil(_ path: String) async throws -> PathStat? {
        do {
            return try await session.client.statPath(path, in: id)
        } catch let error as BerthError where error.code == .notFound && !error.message.contains("o such container") {
            return nil
        }
    }
}
