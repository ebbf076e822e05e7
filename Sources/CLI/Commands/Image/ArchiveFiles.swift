import Client
import Errors
import Glibc
import Linux

/// Where an archive goes: a file, or stdout.
struct OutputFile: Sendable {
    private let path: String?
    private let session: Session

    /// - Parameters:
    ///   - path: as the user wrote it; nil is stdout.
    ///   - failure: what an error of the path begins with.
    /// - Throws: `invalidArgument` when the archive cannot go there.
    init(_ path: String?, failure: String, _ session: Session) throws {
        self.path = path.map { session.workingFolder.absolute($0) }
        self.session = session
        guard let path, let absolute = self.path else {
            guard !Console.output.isTerminal else {
                throw BerthError.invalidArgument(
                    "cowardly refusing to save to a terminal. Use the -o flag or redirect")
            }
            return
        }
        let folder = Files.parent(of: absolute)
        guard (try? Files.status(folder))?.isDirectory ?? false else {
            throw BerthError.notFound("\(failure): invalid output path: directory \"\(folder)\" does not exist")
        }
        if (try? Files.status(absolute))?.isDirectory ?? false {
            throw BerthError.invalidArgument("\(failure): cannot write to a directory: \(path)")
        }
    }

    /// What a command that writes a file must take care of, so that half a file is not left behind.
    static func signals(_ path: String?) -> [Int32] { path == nil ? [] : [SIGINT, SIGTERM, SIGHUP] }

    /// Writes all of it. A file appears under its name only when it is whole.
    func write(_ body: ResponseBody) async throws {
        let bytes = SizeCounter()
        let display = ProgressDisplay(to: Console.error)
        display.track(path.map { "Writing \(Files.lastComponent(of: $0))" } ?? "Writing", bytes)
        defer { display.finish() }
        guard let path else {
            for try await piece in body {
                Console.write(piece, to: Console.output)
                bytes.add(Int64(piece.count))
            }
            return
        }
        // Devices and pipes are written to as they are.
        let isSpecial = (try? Files.status(path)).map { $0.kind != .file } ?? false
        let target = isSpecial ? path : "\(path).\(getpid()).part"
        if !isSpecial { removeOnSignal(target) }
        do {
            let file = try FileDescriptor.open(target, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            for try await piece in body {
                try await BlockingWork.write(piece, to: file)
                bytes.add(Int64(piece.count))
            }
            if !isSpecial { try Files.rename(target, to: path) }
        } catch {
            if !isSpecial { _ = try? Files.unlink(target) }
            if let error = error as? SystemError { throw BerthError("writing \(path)", error) }
            throw error
        }
    }

    private func removeOnSignal(_ target: String) {
        let signals = session.signals.take()
        Task {
            for await signal in signals {
                _ = try? Files.unlink(target)
                Exit.now(128 + signal)
            }
        }
    }
}

/// An archive to send: a file, or stdin.
struct InputFile: Sendable {
    private let descriptor: FileDescriptor
    private let name: String?

    /// - Parameter path: as the user wrote it; nil and `-` are stdin.
    init(_ path: String?) throws {
        guard let path, path != "-" else {
            descriptor = Console.input
            name = nil
            return
        }
        do throws(SystemError) {
            descriptor = try FileDescriptor.open(path, O_RDONLY)
            guard try !descriptor.status().isDirectory else {
                throw SystemError("read", errno: EISDIR, subject: path)
            }
        } catch {
            throw BerthError(
                error.errno == ENOENT ? .notFound : .invalidArgument, "open \(path): \(error.reason.lowercased())")
        }
        name = Files.lastComponent(of: path)
    }

    /// The file as a request's body, whose bytes are shown while they are sent.
    func body(shownBy display: ProgressDisplay, as verb: String) -> EngineRequest.Body {
        let bytes = SizeCounter()
        display.track(name.map { "\(verb) \($0)" } ?? verb, bytes, total: size)
        return .counted(descriptor, bytes)
    }

    /// How much there is to read; nil for a pipe.
    private var size: Int64? {
        guard let status = try? descriptor.status(), status.kind == .file else { return nil }
        let start = (try? descriptor.seek(0, from: .current)) ?? 0
        return max(0, status.size - start)
    }
}
