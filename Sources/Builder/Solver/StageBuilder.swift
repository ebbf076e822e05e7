import Errors
import ImageStore
import OCI

/// Builds one stage, instruction by instruction.
struct StageBuilder {
    let session: BuildSession
    let stage: Stage
    var state: StageState

    init(_ session: BuildSession, _ stage: Stage) {
        self.session = session
        self.stage = stage
        state = StageState(scratchFor: session.request.platform ?? .host)
    }

    mutating func build() async throws -> StageState {
        var offset = 0
        let from = session.step(stage, offset: offset, name: stage.text, line: stage.line)
        try await report(from) { builder in
            try await builder.start()
            try await builder.runTriggers(from)
        }
        for instruction in stage.instructions {
            offset += 1
            let step = session.step(stage, offset: offset, name: instruction.text, line: instruction.line)
            try await report(step) { try await $0.apply(instruction.command, step) }
        }
        if stage.index == session.graph.target, !session.request.labels.isEmpty {
            let labels = session.request.labels.sorted { $0.key < $1.key }
            let text = "LABEL " + labels.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            let step = session.step(stage, offset: offset + 1, name: text, line: stage.line)
            try await report(step) { builder in
                builder.state.config.labels = (builder.state.config.labels ?? [:])
                    .merging(builder.session.request.labels) { $1 }
                try await builder.record(text, step)
            }
        }
        return state
    }

    /// Surrounds a step with its events and gives its errors the line.
    private mutating func report(
        _ step: BuildStep, _ body: (inout StageBuilder) async throws -> Void
    ) async throws {
        try Task.checkCancellation()
        await session.progress.report(.started(step))
        let start = ContinuousClock.now
        do {
            try await body(&self)
        } catch {
            let described = described(error, step.line)
            // What another stage failed at has been reported there.
            if !(described is CancellationError), Self.line(of: error) == nil {
                await session.progress.report(.failed(step, message: "\(described)"))
            }
            throw described
        }
        let elapsed = (ContinuousClock.now - start).components
        let seconds = Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
        await session.progress.report(.finished(step, state: state.historyKey.short, seconds: seconds))
    }

    private func described(_ error: any Error, _ line: Int) -> any Error {
        if Task.isCancelled { return CancellationError() }
        switch error {
        case let error as SyntaxError:
            return BerthError(
                .invalidArgument, error.at(line).berthError.message, cause: StepFailure(line: line, exitCode: nil))
        case var error as BerthError:
            if Self.line(of: error) != nil { return error }
            let exitCode = (error.cause as? ExitCode)?.value
            error.cause = StepFailure(line: line, exitCode: exitCode, cause: error.cause)
            error.message += " (Dockerfile line \(line))"
            return error
        default: return error
        }
    }

    /// The line that an error names already.
    private static func line(of error: any Error) -> Int? { ((error as? BerthError)?.cause as? StepFailure)?.line }

    // MARK: FROM

    private mutating func start() async throws {
        let platform = session.graph.platforms[stage.index] ?? session.request.platform
        switch session.graph.bases[stage.index] {
        case .context, .scratch: state = StageState(scratchFor: platform ?? .host)
        case .stage(let index): state = try await session.stage(index).asBase
        case .image(let name):
            let image = try await session.image(name, platform: platform)
            state = StageState(image, layers: try await session.layers(of: image))
        }
    }

    /// ONBUILD of the base, run as if it stood here.
    private mutating func runTriggers(_ step: BuildStep) async throws {
        let triggers = state.config.onBuild ?? []
        state.config.onBuild = nil
        for text in triggers {
            let command = try InstructionParser.trigger(text, escape: "\\")
            // The graph was checked without these: only stages above cannot be waiting for this one.
            for name in command.stageNames {
                if case .stage(let index) = try session.graph.origin(name), index >= stage.index {
                    throw SyntaxError("ONBUILD \(text): the stage \(name) does not come before this one")
                }
            }
            try await apply(command, step)
        }
    }

    // MARK: Instructions

    private mutating func apply(_ command: Command, _ step: BuildStep) async throws {
        switch command {
        case .run(let run): try await apply(run, step)
        case .copy(let copy): try await apply(copy, .copy, step)
        case .add(let copy): try await apply(copy, .add, step)
        case .workingDirectory(let path): try await changeDirectory(to: path, step)
        default:
            let text = try applyConfiguration(command)
            try await record(text, step)
        }
    }

    var expander: Expander {
        let state = state
        return Expander(escape: session.graph.file.escape) { state.variable($0) }
    }

    // MARK: Results

    /// The layer of a step: the cache's, or else what `make` makes.
    func layer(
        for key: Digest, _ text: String, _ step: BuildStep, make: () async throws -> Layer?
    ) async throws -> (layer: Layer?, created: String) {
        if !session.request.noCache, let result = try await cached(key) {
            session.hold.used(key)
            await session.progress.report(.cached(step))
            return result
        }
        let layer = try await make()
        if let layer { session.hold.add([layer.diffID]) }
        let record = StepCache.Record(
            layer: layer?.diffID, created: timestamp(), description: text, size: layer?.size ?? 0)
        return (layer, try await session.cache.store(record, for: key).created)
    }

    /// A record of the cache whose layer, if it has one, is still here.
    private func cached(_ key: Digest) async throws -> (layer: Layer?, created: String)? {
        guard let record = try await session.cache.record(key) else { return nil }
        guard let id = record.layer else { return (nil, record.created) }
        // First held, then looked up: what is found stays.
        session.hold.add([id])
        let store = session.store
        guard let layer = try await blocking({ _ in try store.layer(id) }) else { return nil }
        return (layer, record.created)
    }

    /// Adds a step's layer and its line of history.
    mutating func add(_ result: (layer: Layer?, created: String), _ text: String) {
        state.unchanged = nil
        if let layer = result.layer {
            state.diffIDs.append(layer.diffID)
            state.layers.append(layer.path)
        }
        state.history.append(
            ImageConfig.History(
                created: result.created, createdBy: text, author: state.author,
                emptyLayer: result.layer == nil ? true : nil))
        advance(text)
    }

    /// A step that changes only the configuration. Its time is remembered, so that building the
    /// same again gives the very same image.
    mutating func record(_ text: String, _ step: BuildStep) async throws {
        var key = KeyBuilder("configuration")
        key.add("history", state.historyKey.description)
        key.add("chain", state.chain.description)
        key.add("text", text)
        add(try await layer(for: key.finish(), text, step) { nil }, text)
    }

    private mutating func advance(_ text: String) {
        var key = KeyBuilder("history")
        key.add("parent", state.historyKey.description)
        key.add("chain", state.chain.description)
        key.add("text", text)
        state.historyKey = key.finish()
    }
}

/// How a RUN ended, if not with 0.
struct ExitCode: Error {
    let value: Int32
}
