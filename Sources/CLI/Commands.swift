/// The tree of commands: Docker's names, and where two names mean the same, one type.
enum Commands {
    static let root = CommandGroup(
        summary: "Builds images, runs containers and brings up Compose projects",
        entries: [
            CommandEntry("run", runs: RunCommand.self, common: true),
            CommandEntry("exec", runs: ExecCommand.self, common: true),
            CommandEntry("ps", runs: ListCommand.self, common: true),
            CommandEntry("build", runs: BuildCommand.self, common: true),
            CommandEntry("pull", runs: PullCommand.self, common: true),
            CommandEntry("push", runs: PushCommand.self, common: true),
            CommandEntry("images", runs: ImageListCommand.self, common: true),
            CommandEntry("login", runs: LoginCommand.self, common: true),
            CommandEntry("logout", runs: LogoutCommand.self, common: true),
            CommandEntry("search", runs: SearchCommand.self, common: true),
            CommandEntry("version", runs: VersionCommand.self, common: true),
            CommandEntry("info", runs: InfoCommand.self, common: true),

            CommandEntry("compose", composes: ComposeCommands.group),
            CommandEntry("container", opens: container),
            CommandEntry("context", opens: context),
            CommandEntry("image", opens: image),
            CommandEntry("network", opens: network),
            CommandEntry("volume", opens: volume),
            CommandEntry("system", opens: system),
            CommandEntry("builder", "buildx", opens: builder),

            CommandEntry("attach", runs: AttachCommand.self),
            CommandEntry("commit", runs: CommitCommand.self),
            CommandEntry("cp", runs: CopyCommand.self),
            CommandEntry("create", runs: CreateCommand.self),
            CommandEntry("diff", runs: DiffCommand.self),
            CommandEntry("doctor", runs: DoctorCommand.self),
            CommandEntry("events", runs: EventsCommand.self),
            CommandEntry("export", runs: ExportCommand.self),
            CommandEntry("history", runs: HistoryCommand.self),
            CommandEntry("import", runs: ImportCommand.self),
            CommandEntry("inspect", runs: InspectCommand.self),
            CommandEntry("kill", runs: KillCommand.self),
            CommandEntry("load", runs: LoadCommand.self),
            CommandEntry("logs", runs: LogsCommand.self),
            CommandEntry("pause", runs: PauseCommand.self),
            CommandEntry("port", runs: PortCommand.self),
            CommandEntry("rename", runs: RenameCommand.self),
            CommandEntry("restart", runs: RestartCommand.self),
            CommandEntry("rm", runs: RemoveCommand.self),
            CommandEntry("rmi", runs: ImageRemoveCommand.self),
            CommandEntry("save", runs: SaveCommand.self),
            CommandEntry("start", runs: StartCommand.self),
            CommandEntry("stats", runs: StatsCommand.self),
            CommandEntry("stop", runs: StopCommand.self),
            CommandEntry("tag", runs: TagCommand.self),
            CommandEntry("top", runs: TopCommand.self),
            CommandEntry("unpause", runs: UnpauseCommand.self),
            CommandEntry("update", runs: UpdateCommand.self),
            CommandEntry("wait", runs: WaitCommand.self),
        ])

    private static let container = CommandGroup(
        summary: "Manage containers",
        entries: [
            CommandEntry("attach", runs: AttachCommand.self),
            CommandEntry("commit", runs: CommitCommand.self),
            CommandEntry("cp", runs: CopyCommand.self),
            CommandEntry("create", runs: CreateCommand.self),
            CommandEntry("diff", runs: DiffCommand.self),
            CommandEntry("exec", runs: ExecCommand.self),
            CommandEntry("export", runs: ExportCommand.self),
            CommandEntry("inspect", runs: ContainerInspectCommand.self),
            CommandEntry("kill", runs: KillCommand.self),
            CommandEntry("logs", runs: LogsCommand.self),
            CommandEntry("ls", "list", "ps", runs: ListCommand.self),
            CommandEntry("pause", runs: PauseCommand.self),
            CommandEntry("port", runs: PortCommand.self),
            CommandEntry("prune", runs: ContainerPruneCommand.self),
            CommandEntry("rename", runs: RenameCommand.self),
            CommandEntry("restart", runs: RestartCommand.self),
            CommandEntry("rm", "remove", runs: RemoveCommand.self),
            CommandEntry("run", runs: RunCommand.self),
            CommandEntry("start", runs: StartCommand.self),
            CommandEntry("stats", runs: StatsCommand.self),
            CommandEntry("stop", runs: StopCommand.self),
            CommandEntry("top", runs: TopCommand.self),
            CommandEntry("unpause", runs: UnpauseCommand.self),
            CommandEntry("update", runs: UpdateCommand.self),
            CommandEntry("wait", runs: WaitCommand.self),
        ])

    private static let image = CommandGroup(
        summary: "Manage images",
        entries: [
            CommandEntry("bootstrap", runs: BootstrapCommand.self),
            CommandEntry("build", runs: BuildCommand.self),
            CommandEntry("history", runs: HistoryCommand.self),
            CommandEntry("import", runs: ImportCommand.self),
            CommandEntry("inspect", runs: ImageInspectCommand.self),
            CommandEntry("load", runs: LoadCommand.self),
            CommandEntry("ls", "list", runs: ImageListCommand.self),
            CommandEntry("prune", runs: ImagePruneCommand.self),
            CommandEntry("pull", runs: PullCommand.self),
            CommandEntry("push", runs: PushCommand.self),
            CommandEntry("rm", "remove", runs: ImageRemoveCommand.self),
            CommandEntry("save", runs: SaveCommand.self),
            CommandEntry("tag", runs: TagCommand.self),
        ])

    private static let network = CommandGroup(
        summary: "Manage networks",
        entries: [
            CommandEntry("connect", runs: NetworkConnectCommand.self),
            CommandEntry("create", runs: NetworkCreateCommand.self),
            CommandEntry("disconnect", runs: NetworkDisconnectCommand.self),
            CommandEntry("inspect", runs: NetworkInspectCommand.self),
            CommandEntry("ls", "list", runs: NetworkListCommand.self),
            CommandEntry("prune", runs: NetworkPruneCommand.self),
            CommandEntry("rm", "remove", runs: NetworkRemoveCommand.self),
        ])

    private static let volume = CommandGroup(
        summary: "Manage volumes",
        entries: [
            CommandEntry("create", runs: VolumeCreateCommand.self),
            CommandEntry("inspect", runs: VolumeInspectCommand.self),
            CommandEntry("ls", "list", runs: VolumeListCommand.self),
            CommandEntry("prune", runs: VolumePruneCommand.self),
            CommandEntry("rm", "remove", runs: VolumeRemoveCommand.self),
        ])

    private static let system = CommandGroup(
        summary: "Manage Berth",
        entries: [
            CommandEntry("df", runs: DiskUsageCommand.self),
            CommandEntry("events", runs: EventsCommand.self),
            CommandEntry("info", runs: InfoCommand.self),
            CommandEntry("prune", runs: SystemPruneCommand.self),
        ])

    private static let builder = CommandGroup(
        summary: "Manage builds",
        entries: [
            CommandEntry("build", "b", runs: BuildCommand.self),
            CommandEntry("prune", runs: BuilderPruneCommand.self),
        ])

    private static let context = CommandGroup(
        summary: "Show the daemon that commands talk to",
        entries: [
            CommandEntry("inspect", runs: ContextInspectCommand.self),
            CommandEntry("ls", "list", runs: ContextListCommand.self),
            CommandEntry("show", runs: ContextShowCommand.self),
            CommandEntry("use", runs: ContextUseCommand.self),
        ])

    /// Every way to call a command, as words behind the program's name: `image save`, `save`.
    static func paths(of type: any Command.Type) -> [String] {
        var inGroups: [String] = []
        var direct: [String] = []
        for entry in root.entries {
            switch entry.target {
            case .command(let own): if own == type { direct += entry.names }
            case .group(let group), .compose(let group):
                for member in group.entries {
                    guard case .command(let own) = member.target, own == type else { continue }
                    inGroups += member.names.map { "\(entry.names[0]) \($0)" }
                }
            }
        }
        return inGroups + direct
    }
}
