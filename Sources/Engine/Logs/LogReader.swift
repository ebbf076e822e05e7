import EngineAPI
import Errors
import Linux
import Synchronization

/// Reads a container's json-file log, old files and new.
struct LogReader: Sendable {
    /// The file that is being written.
    let path: String
    /// The container has a terminal: its bytes are not framed.
    var tty: Bool
    let watcher: DirectoryWatcher
    /// The log driver's attributes, for `details`.
    var attributes: [String: String] = [:]
    /// Where the log of a container ends that was replaced while it is read.
    var end: LogEnd?

    /// Writes what the options ask for.
    ///
    /// - Parameter ended: suspends until the container has stopped and its log is complete; a
    ///   following reader then ends with the last record. It is cancelled when it is no longer needed.
    func write(
        _ options: LogsOptions, to sink: any EngineAPI.ByteSink, until ended: @escaping @Sendable () async -> Void
    ) async throws {
        guard options.stdout || options.stderr else {
            throw BerthError.invalidArgument("Bad parameters: you must choose at least one stream")
        }
        // Before the first read: what comes between a read and the watch would be missed.
        let changes = options.follow ? try watch() : nil
        let cursor = try open(options)
        var encoder = LogEncoder(options, tty: tty, attributes: attributes)
        guard let changes else { return try await pump(cursor, &encoder, to: sink) }

        let isOver = Flag()
        let endWatch = Task {
            await ended()
            isOver.set()
            changes.signal()
        }
        let clock = options.until.map { until in
            Task {
                try await Task.sleep(for: .nanoseconds(max(0, until.timeNano - Clock.now())))
                isOver.set()
                changes.signal()
            }
        }
        defer {
            endWatch.cancel()
            clock?.cancel()
        }
        while true {
            let isLast = isOver.isSet
            try await pump(cursor, &encoder, to: sink)
            if isLast || encoder.isPastEnd { return }
            await changes.next()
            try Task.checkCancellation()
        }
    }

    /// Everything up to the present end.
    private func pump(
        _ cursor: LogCursor, _ encoder: inout LogEncoder, to sink: any EngineAPI.ByteSink
    ) async throws {
        while !encoder.isPastEnd {
            if let time = end?.time { encoder.end(at: time) }
            let step: LogCursor.Step
            do throws(SystemError) {
                step = try cursor.step(&encoder)
            } catch {
                throw BerthError("reading the log", error)
            }
            let isAtEnd = step == .atEnd
            if encoder.pending.count >= 64 * 1024 || (isAtEnd && !encoder.pending.isEmpty) {
                try await sink.write(encoder.take())
            }
            if isAtEnd { return }
        }
        if !encoder.pending.isEmpty { try await sink.write(encoder.take()) }
    }

    private func open(_ options: LogsOptions) throws -> LogCursor {
        // Docker takes what is no number, and a negative one, for all.
        let tail = options.tail.flatMap { Int($0) }.flatMap { $0 < 0 ? nil : $0 }
        do throws(SystemError) {
            return try LogCursor(LogFiles(path: path), tail: tail)
        } catch {
            throw BerthError("opening the log", error)
        }
    }

    private func watch() throws -> DirectoryWatcher.Subscription {
        do throws(SystemError) {
            return try watcher.watch(Files.parent(of: path))
        } catch {
            throw BerthError("watching the log", error)
        }
    }
}

/// Set once, from anywhere.
private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
