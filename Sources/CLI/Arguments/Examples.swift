/// What help shows a command being used for.
struct Example: Sendable {
    let purpose: String
    /// Command lines; `$ ` stands for the program's name.
    let lines: [String]

    init(_ purpose: String, _ lines: String...) {
        self.purpose = purpose
        self.lines = lines
    }
}

enum Examples {
    static func of(_ type: any Command.Type) -> [Example] { table[ObjectIdentifier(type)] ?? [] }

    private static let table: [ObjectIdentifier: [Example]] = {
        var table: [ObjectIdentifier: [Example]] = [:]
        for (type, examples) in containers + life + images + archives + registries + system + compose {
            table[ObjectIdentifier(type)] = examples
        }
        return table
    }()

    private typealias Entry = (any Command.Type, [Example])

    private static let containers: [Entry] = [
        (
            RunCommand.self,
            [
                Example("Start a web server, reachable at port 8080 of this host", "$ run -d -p 8080:80 nginx"),
                Example("A shell that leaves nothing behind", "$ run --rm -it debian:bookworm bash"),
                Example("Run another program than the image's own", "$ run --rm --entrypoint /bin/ls nginx -l /etc"),
                Example(
                    "Keep data in a volume, and read a file of this host",
                    "$ run -d -v data:/var/lib/app -v ./backend/.env:/app/.env:ro llmchat:0.0.2"),
            ]
        ),
        (
            ExecCommand.self,
            [
                Example(
                    "Go into a running container (ID or name, a blank, the shell)",
                    "$ exec -it 6d711f6ee058 /bin/bash"),
                Example("Run one command in it", "$ exec web cat /etc/nginx/nginx.conf"),
            ]
        ),
        (
            ListCommand.self,
            [
                Example("All containers, those that have stopped too", "$ ps -a"),
                Example("Only names and states", "$ ps -a --format '{{.Names}}: {{.Status}}'"),
            ]
        ),
        (
            CopyCommand.self,
            [
                Example("Put a file into a container", "$ cp index.html web:/usr/share/nginx/html"),
                Example("Take a log file out of it", "$ cp web:/var/log/nginx/error.log ."),
            ]
        ),
        (
            CommitCommand.self,
            [Example("Keep what was changed in a container as an image", "$ commit -m 'new start page' web mynginx:2")]
        ),
        (
            LogsCommand.self,
            [Example("The last 100 lines, then what comes", "$ logs -f --tail 100 web")]
        ),
        (
            InspectCommand.self,
            [
                Example("All that is known", "$ inspect web"),
                Example("One fact", "$ inspect -f '{{.State.ExitCode}}' web"),
            ]
        ),
        (
            StatsCommand.self,
            [
                Example("Live, until Ctrl-C; 280 % is 2.8 CPUs", "$ stats"),
                Example("Once", "$ stats --no-stream"),
            ]
        ),
        (TopCommand.self, [Example("Processes of a container, with their threads", "$ top web -eLf")]),
        (PortCommand.self, [Example("Where port 80 of a container is published", "$ port web 80")]),
        (DiffCommand.self, [Example("Files that were added (A), changed (C) or deleted (D)", "$ diff web")]),
    ]

    private static let life: [Entry] = [
        (
            StopCommand.self,
            [
                Example("Ask it to end, and kill it after 10 seconds", "$ stop web"),
                Example("Kill it after 2 seconds", "$ stop -t 2 web"),
            ]
        ),
        (StartCommand.self, [Example("Start it again", "$ start web")]),
        (RestartCommand.self, [Example("Stop it and start it again", "$ restart web")]),
        (
            RemoveCommand.self,
            [
                Example("Remove a container that has stopped", "$ rm web"),
                Example("Remove it even if it runs", "$ rm -f web"),
            ]
        ),
        (KillCommand.self, [Example("Let it read its configuration again", "$ kill -s HUP web")]),
        (RenameCommand.self, [Example("From now on it is called shop", "$ rename web shop")]),
        (WaitCommand.self, [Example("Wait for the end and print the exit code", "$ wait job")]),
        (
            UpdateCommand.self,
            [Example("Other limits, while it runs", "$ update --memory 2g --memory-swap 2g --cpus 1.5 web")]
        ),
    ]

    private static let images: [Entry] = [
        (
            BuildCommand.self,
            [
                Example("Build the Dockerfile of this folder", "$ build -t llmchat:0.0.2 ."),
                Example(
                    "Another Dockerfile, with a value for its ARG",
                    "$ build -f backend/Dockerfile --build-arg VERSION=3 -t backend ./backend"),
            ]
        ),
        (
            TagCommand.self,
            [
                Example("Name it as a registry wants it", "$ tag llmchat:0.0.2 jiangmiemie/llmchat:0.0.2"),
                Example("Give an image a name that has only an ID", "$ tag 4c01db0b339c nginx:latest"),
            ]
        ),
        (
            ImageListCommand.self,
            [
                Example("All images", "$ images"),
                Example("Only names", "$ images --format '{{.Repository}}:{{.Tag}}'"),
            ]
        ),
        (
            ImageRemoveCommand.self,
            [Example("By name or by ID", "$ rmi llmchat:0.0.1", "$ rmi 4c01db0b339c")]
        ),
        (HistoryCommand.self, [Example("The steps that made an image", "$ history --no-trunc nginx")]),
    ]

    private static let archives: [Entry] = [
        (
            SaveCommand.self,
            [
                Example(
                    "Into a file", "$ save nginx:latest -o nginx_latest.tar", "$ save nginx:latest > nginx_latest.tar"),
                Example("Compressed", "$ save nginx:latest | gzip > nginx_latest.tar.gz"),
                Example("Several images in one file", "$ save -o all.tar nginx:latest redis:7"),
            ]
        ),
        (
            LoadCommand.self,
            [
                Example(
                    "From a file, compressed or not", "$ load -i nginx_latest.tar.gz", "$ load < nginx_latest.tar.gz")
            ]
        ),
        (ExportCommand.self, [Example("All files of a container", "$ export -o web.tar web")]),
        (ImportCommand.self, [Example("An image out of an archive of files", "$ import rootfs.tar.gz base:1")]),
    ]

    private static let registries: [Entry] = [
        (
            PullCommand.self,
            [
                Example("The newest version", "$ pull nginx:latest"),
                Example("For a machine of another kind", "$ pull --platform linux/arm64 nginx:latest"),
            ]
        ),
        (PushCommand.self, [Example("Send an image where its name says", "$ push jiangmiemie/llmchat:0.0.2")]),
        (
            LoginCommand.self,
            [
                Example("Docker Hub", "$ login"),
                Example("A registry of one's own", "$ login registry.example.com:5000"),
                Example("In a script", "echo \"$TOKEN\" | $ login -u ci --password-stdin registry.example.com"),
            ]
        ),
        (LogoutCommand.self, [Example("Forget the credentials", "$ logout registry.example.com:5000")]),
    ]

    private static let system: [Entry] = [
        (VersionCommand.self, [Example("The daemon's version alone", "$ version --format '{{.Server.Version}}'")]),
        (
            DoctorCommand.self,
            [
                Example("Only what is wrong", "$ doctor | grep -v '^ok'"),
                Example("For a program", "$ doctor --format json"),
            ]
        ),
        (InfoCommand.self, [Example("One fact", "$ info --format '{{.Driver}}'")]),
        (
            EventsCommand.self,
            [
                Example(
                    "Containers that ended in the last hour, and those that end from now on",
                    "$ events --since 1h --filter type=container --filter event=die")
            ]
        ),
        (DiskUsageCommand.self, [Example("Each image, container and volume", "$ system df -v")]),
        (
            SystemPruneCommand.self,
            [Example("Everything that nothing uses, without a question", "$ system prune -a -f")]
        ),
    ]

    private static let compose: [Entry] = [
        (
            ComposeUpCommand.self,
            [
                Example("Build what is missing and start everything in the background", "$ compose up -d"),
                Example("After a change of a Dockerfile or of sources", "$ compose up -d --build"),
            ]
        ),
        (
            ComposeDownCommand.self,
            [
                Example("Stop and remove containers and networks", "$ compose down"),
                Example("The images too", "$ compose down --rmi all"),
            ]
        ),
        (ComposeLogsCommand.self, [Example("Of one service, as it comes", "$ compose logs -f python-app-backend")]),
        (ComposeListCommand.self, [Example("State of the services", "$ compose ps")]),
        (ComposeBuildCommand.self, [Example("All images of the project", "$ compose build")]),
        (ComposePushCommand.self, [Example("All images, or one", "$ compose push", "$ compose push frontend")]),
        (ComposePullCommand.self, [Example("All images, or one", "$ compose pull", "$ compose pull backend")]),
    ]
}
