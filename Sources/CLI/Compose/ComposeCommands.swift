/// The commands of Compose.
enum ComposeCommands {
    static let group = CommandGroup(
        summary: "Define and run multi-container applications with Berth",
        entries: [
            CommandEntry("build", runs: ComposeBuildCommand.self),
            CommandEntry("config", "convert", runs: ComposeConfigCommand.self),
            CommandEntry("create", runs: ComposeCreateCommand.self),
            CommandEntry("down", runs: ComposeDownCommand.self),
            CommandEntry("exec", runs: ComposeExecCommand.self),
            CommandEntry("images", runs: ComposeImagesCommand.self),
            CommandEntry("kill", runs: ComposeKillCommand.self),
            CommandEntry("logs", runs: ComposeLogsCommand.self),
            CommandEntry("ls", runs: ComposeProjectsCommand.self),
            CommandEntry("pause", runs: ComposePauseCommand.self),
            CommandEntry("port", runs: ComposePortCommand.self),
            CommandEntry("ps", runs: ComposeListCommand.self),
            CommandEntry("pull", runs: ComposePullCommand.self),
            CommandEntry("push", runs: ComposePushCommand.self),
            CommandEntry("restart", runs: ComposeRestartCommand.self),
            CommandEntry("rm", runs: ComposeRemoveCommand.self),
            CommandEntry("run", runs: ComposeRunCommand.self),
            CommandEntry("scale", runs: ComposeScaleCommand.self),
            CommandEntry("start", runs: ComposeStartCommand.self),
            CommandEntry("stop", runs: ComposeStopCommand.self),
            CommandEntry("top", runs: ComposeTopCommand.self),
            CommandEntry("unpause", runs: ComposeUnpauseCommand.self),
            CommandEntry("up", runs: ComposeUpCommand.self),
            CommandEntry("version", runs: ComposeVersionCommand.self),
        ])
}
