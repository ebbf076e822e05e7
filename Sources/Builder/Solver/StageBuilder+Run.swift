import Errors
import ImageStore
import Linux
import OCI

/// RUN.
extension StageBuilder {
    mutating func apply(_ run: Run, _ step: BuildStep) async throws {
        let script = RunScript(run, shell: state.shell)
        let arguments = state.visibleArguments
        let prefix = arguments.isEmpty ? "" : "|\(arguments.count) \(arguments.joined(separator: " ")) "
        let text = "RUN " + prefix + script.text
        let mounts = try await mounts(run)

        var key = KeyBuilder("run")
        key.add("chain", state.chain.description)
        key.add("args", script.args)
        key.add("script", ifPresent: script.file.map { String(decoding: $0, as: UTF8.self) })
        key.add("environment", state.config.env ?? [])
        key.add("arguments", arguments)
        key.add("directory", state.workingDirectory)
        key.add("user", state.config.user ?? "")
        key.add("network", network(run).rawValue)
        for mount in mounts { mount.add(to: &key) }

        // A copy, for the closure: it must not hold on to this builder while that is changed.
        let builder = self
        let result = try await layer(for: key.finish(), text, step) {
            try await builder.execute(run, script, mounts, step)
        }
        add(result, text)
    }

    private func network(_ run: Run) -> RunStep.Network {
        guard let own = run.network else { return session.request.network }
        return RunStep.Network(rawValue: own.rawValue) ?? .standard
    }

    /// Runs the step in a workspace of its own and keeps what it wrote.
    private func execute(
        _ run: Run, _ script: RunScript, _ mounts: [PreparedMount], _ step: BuildStep
    ) async throws -> Layer {
        let store = session.store, layers = state.layers
        let workspace = try await blocking { _ in try store.makeWorkspace(layers: layers) }
        var resources = StepResources(session)
        do {
            try await resources.lease(mounts.map(\.mount))
            var stepMounts: [StepMount] = []
            var secrets: [String] = []
            for mount in mounts {
                let (mount, variable) = try await mount.realize(&resources)
                if let mount { stepMounts.append(mount) }
                if let variable { secrets.append(variable) }
            }
            if let file = script.file {
                stepMounts.append(
                    StepMount(
                        source: .file(content: file, mode: 0o755, user: 0, group: 0), target: RunScript.path,
                        isReadOnly: true))
            }
            let code = try await session.executor.run(
                runStep(run, script.args, secrets, stepMounts, workspace),
                output: ProgressOutput(session.progress, step))
            try Task.checkCancellation()
            guard code == 0 else {
                throw BerthError(
                    .invalidArgument,
                    "The command '\(script.args.joined(separator: " "))' returned a non-zero code: \(code)",
                    cause: ExitCode(value: code))
            }
            await resources.release()
        } catch {
            await resources.release()
            await discard(workspace)
            throw error
        }
        return try await commit(workspace)
    }

    private func runStep(
        _ run: Run, _ args: [String], _ secrets: [String], _ mounts: [StepMount], _ workspace: Workspace
    ) -> RunStep {
        let request = session.request
        return RunStep(
            args: args,
            environment: (state.config.env ?? []) + state.visibleArguments + session.globals.proxySettings + secrets,
            workingDirectory: state.workingDirectory, user: state.config.user ?? "", layers: state.layers,
            workspace: workspace, network: network(run), mounts: mounts, extraHosts: request.extraHosts,
            shmSize: request.shmSize, hostname: nil, ulimits: request.ulimits, cgroupParent: request.cgroupParent,
            handsCABundle: request.handsCABundle, platform: state.platform)
    }

    /// Makes a layer of what was written.
    func commit(_ workspace: Workspace) async throws -> Layer {
        let store = session.store
        return try await blocking { _ in
            do {
                return try store.commit(workspace)
            } catch {
                workspace.discard()
                throw error
            }
        }
    }

    func discard(_ workspace: Workspace) async {
        _ = try? await blocking { _ in workspace.discard() }
    }
}

/// What a RUN executes.
struct RunScript: Sendable {
    /// Where a here-document that names its interpreter is mounted.
    static let path = "/dev/pipes/EOF"

    let args: [String]
    /// The content of that file.
    let file: [UInt8]?
    /// As the history shows it.
    let text: String

    init(_ run: Run, shell: [String]) {
        switch run.commandLine {
        case .exec(let words):
            self.init(args: words)
        case .shell(let command):
            if run.heredocs.isEmpty {
                self.init(args: shell + [command])
            } else if let only = run.heredocs.first, run.heredocs.count == 1, command.hasPrefix("<<"),
                plainWords(command).count == 1
            {
                if only.content.hasPrefix("#!") {
                    self.init(args: [Self.path], file: Array(only.content.utf8), text: "\(command) \(only.content)")
                } else {
                    self.init(args: shell + [only.content])
                }
            } else {
                // The shell reads the documents itself.
                let documents = run.heredocs.map { "\($0.content)\($0.name)\n" }.joined()
                self.init(args: shell + ["\(command)\n\(documents)"])
            }
        }
    }

    private init(args: [String], file: [UInt8]? = nil, text: String? = nil) {
        self.args = args
        self.file = file
        self.text = text ?? args.joined(separator: " ")
    }
}

/// Passes a step's output on to the build's progress.
private struct ProgressOutput: StepOutput {
    let progress: any BuildProgress
    let step: BuildStep

    init(_ progress: any BuildProgress, _ step: BuildStep) {
        self.progress = progress
        self.step = step
    }

    func write(_ bytes: [UInt8], stream: StandardStream) async {
        await progress.report(.output(step, bytes: bytes, stream: stream))
    }
}
