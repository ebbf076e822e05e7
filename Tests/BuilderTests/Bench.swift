import Errors
import Foundation
import GRDB
import ImageStore
import Linux
import Logging
import OCI
import Synchronization

@testable import Builder

/// A builder with a store, database and context of its own in a temporary directory.
///
/// Safe to share: a test's tasks use it one after the other, but for reading what does not change.
final class Bench: @unchecked Sendable {
    let directory: String
    let database: DatabaseQueue
    let store: ImageStore
    let executor = PlayingExecutor()
    private(set) var builder: Builder

    struct Built {
        let image: Image
        let cached: [String]
    }

    init() throws {
        directory = "\(FileManager.default.temporaryDirectory.path)/berth-builder-\(UUID().uuidString)"
        try Files.makeDirectories(directory + "/context")
        database = try DatabaseQueue(path: directory + "/berth.db")
        store = try ImageStore(root: directory + "/store", database: database, logger: Logger(label: "test"))
        builder = try Self.builder(directory, store, executor, database)
    }

    deinit { try? removeTree(directory) }

    /// As if the daemon had been started again.
    func restart() throws { builder = try Self.builder(directory, store, executor, database) }

    private static func builder(
        _ directory: String, _ store: ImageStore, _ executor: PlayingExecutor, _ database: DatabaseQueue
    ) throws -> Builder {
        try Builder(
            store: store, executor: executor, database: database, temporaryDirectory: directory + "/work",
            cacheMountDirectory: directory + "/mounts", logger: Logger(label: "test"))
    }

    func write(_ path: String, _ text: String) throws {
        let path = "\(directory)/context/\(path)"
        try Files.makeDirectories(Files.parent(of: path))
        try Files.write(path, text)
    }

    /// Builds a Dockerfile given as text, or the context's own.
    func build(_ file: String?, _ change: (inout BuildRequest) -> Void = { _ in }) async throws -> Built {
        var request = BuildRequest(
            context: .directory(directory + "/context"), dockerfile: file.map { .text($0) } ?? .path(nil))
        change(&request)
        let recorder = Recorder()
        let image = try await builder.build(request, progress: recorder)
        return Built(image: image, cached: recorder.cached.withLock { $0 })
    }

    /// The root of an image, read-only.
    func open(_ image: Image) throws -> FileDescriptor {
        let workspace = try store.makeWorkspace(layers: try store.layerPaths(of: image))
        defer { workspace.discard() }
        return try workspace.mountReadOnly()
    }

    func read(_ image: Image, _ path: RawPath) throws -> String {
        String(decoding: try open(image).file(path).readToEnd(), as: UTF8.self)
    }

    /// What builds and workspaces have left behind.
    func leftovers() throws -> [String] {
        try ["/work", "/store/work"].flatMap { try FileDescriptor.openDirectory(directory + $0).entries() }
    }

    private final class Recorder: BuildProgress {
        let cached = Mutex<[String]>([])

        func report(_ event: BuildEvent) async {
            if case .cached(let step) = event { cached.withLock { $0.append(step.name) } }
        }
    }
}

/// Plays `write PATH TEXT`, `link TARGET PATH`, `exit N`, `wait` and `true`, with `$NAME` from the environment.
final class PlayingExecutor: Executor {
    private let played = Mutex<[RunStep]>([])

    var steps: [RunStep] { played.withLock { $0 } }

    func fetch(_ reference: Reference, platform: Platform?) async throws -> Image {
        throw BerthError.notFound("no such image: \(reference.familiar)")
    }

    func run(_ step: RunStep, output: any StepOutput) async throws -> Int32 {
        played.withLock { $0.append(step) }
        let expander = Expander { name in
            step.environment.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
        }
        let words = try expander.words(step.args.last ?? "")
        switch words.first {
        case "write":
            try step.workspace.mount().open(String(words[1].dropFirst()), O_CREAT | O_WRONLY, mode: 0o644).writeAll(
                words[2])
        case "link": try step.workspace.mount().makeSymbolicLink(String(words[2].dropFirst()), to: words[1])
        case "wait": try await Task.sleep(for: .seconds(60))
        case "exit": return Int32(words[1]) ?? 1
        default: break
        }
        return 0
    }
}
