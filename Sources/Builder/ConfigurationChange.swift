public import Errors
public import OCI

/// Dockerfile instructions that change an image's configuration and nothing else, outside of a build:
/// `--change` of import and commit.
public enum ConfigurationChange {
    /// Applies the instructions in order. As in Docker: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL
    /// ONBUILD SHELL STOPSIGNAL USER VOLUME WORKDIR; others are refused. Variables are those that ENV has
    /// set so far.
    public static func apply(
        _ changes: [String], to config: ImageConfig.Execution
    ) throws(BerthError) -> ImageConfig.Execution {
        var config = config
        for change in changes {
            let file = try Dockerfile("FROM scratch\n" + change, name: "--change")
            for instruction in file.stages.flatMap(\.instructions) {
                do throws(SyntaxError) {
                    try apply(instruction.command, to: &config)
                } catch {
                    throw .invalidArgument("--change \"\(change)\": \(error.reason)")
                }
            }
        }
        return config
    }

    private static func apply(_ command: Command, to config: inout ImageConfig.Execution) throws(SyntaxError) {
        let environment = config.env ?? []
        let expander = Expander { name in
            environment.last { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
        }
        switch command {
        case .command(let line): config.cmd = words(line, config)
        case .entrypoint(let line): config.entrypoint = words(line, config)
        case .environment(let variables):
            for variable in variables {
                let variable = Variable(
                    name: try expander.word(variable.name), value: try expander.word(variable.value))
                config.env =
                    (config.env ?? []).filter { !$0.hasPrefix(variable.name + "=") }
                    + ["\(variable.name)=\(variable.value)"]
            }
        case .label(let labels):
            for label in labels {
                let (name, value) = (try expander.word(label.name), try expander.word(label.value))
                config.labels = (config.labels ?? [:]).merging([name: value]) { $1 }
            }
        case .expose(let ports):
            for port in ports {
                for key in try StageBuilder.ports(try expander.word(port)) {
                    config.exposedPorts = (config.exposedPorts ?? [:]).merging([key: Empty()]) { $1 }
                }
            }
        case .volume(let paths):
            for path in paths {
                config.volumes = (config.volumes ?? [:]).merging([try expander.word(path): Empty()]) { $1 }
            }
        case .onBuild(let text): config.onBuild = (config.onBuild ?? []) + [text]
        case .shell(let words): config.shell = words
        case .stopSignal(let text):
            let signal = try expander.word(text)
            guard StageBuilder.isSignal(signal) else { throw SyntaxError("invalid signal: \(signal)") }
            config.stopSignal = signal
        case .user(let user): config.user = try expander.word(user)
        case .workingDirectory(let text):
            let path = try expander.word(text)
            config.workingDir = path.hasPrefix("/") ? path : (config.workingDir ?? "") + "/" + path
        case .healthcheck(let check): config.healthcheck = health(check)
        case .add, .copy, .run, .argument, .maintainer:
            throw SyntaxError("only instructions that change the configuration can be given here")
        }
    }

    private static func words(_ line: CommandLine, _ config: ImageConfig.Execution) -> [String] {
        switch line {
        case .exec(let words): words
        case .shell(let text): text.isEmpty ? [] : (config.shell ?? ["/bin/sh", "-c"]) + [text]
        }
    }

    private static func health(_ check: Healthcheck) -> ImageConfig.Healthcheck {
        switch check {
        case .none:
            var health = ImageConfig.Healthcheck()
            health.test = ["NONE"]
            return health
        case .command(let line, var health):
            switch line {
            case .shell(let text): health.test = ["CMD-SHELL", text]
            case .exec(let words): health.test = ["CMD"] + words
            }
            return health
        }
    }
}
