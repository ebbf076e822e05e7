import ContainerRuntime
import Errors
import Glibc
import Linux

/// Berth's runtime behind the command line of OCI runtimes, as containerd and Podman call it.
public enum OCIRuntime {
    /// Carries out what the command line of this process says.
    public static func main() -> Never {
        // Directories and files of a container are made as the configuration says, whatever the caller's mask.
        umask(0o022)
        var log = Log()
        do {
            let globals = try RuntimeContext.flags.parse(CommandLine.arguments.dropFirst())
            if globals.isOn("version") {
                Log.print("berth-runtime version 0.1.0\nspec: \(Features.versions.highest)")
                exit(0)
            }
            if globals.isOn("help") {
                Log.print(usage)
                exit(0)
            }
            log = try Log(globals)
            exit(try dispatch(globals.words, globals, log))
        } catch let failure as StartFailure {
            log.error(failure.message)
            // Other runtimes' clients know 1 for what is not the program's own fault.
            exit(failure.reason == .setup ? 1 : failure.exitCode)
        } catch {
            log.error("\(error)")
            exit(1)
        }
    }

    /// Carries out a command and returns the exit code.
    private static func dispatch(_ words: [String], _ globals: ParsedFlags, _ log: Log) throws -> Int32 {
        guard let command = words.first else { throw BerthError.invalidArgument("no command\n\(usage)") }
        let arguments = words.dropFirst()
        let simple = FlagTable()
        switch command {
        case "features": Log.print(Features.json.text(indent: 2))
        case "spec": try SpecCommand().run(try SpecCommand.flags.parse(arguments))
        case "help": Log.print(usage)
        default:
            // Those whose process goes into a container and could be overwritten there by way of
            // /proc/PID/exe (CVE-2019-5736).
            if ["create", "run", "exec"].contains(command) { try SealedProgram.reenter(CommandLine.arguments) }
            let context = try RuntimeContext(globals, log)
            let lifecycle = Lifecycle(context: context)
            let changes = ChangeCommands(context: context)
            let queries = Queries(context: context)
            switch command {
            case "create": try lifecycle.create(try Creation.flags.parse(arguments))
            case "run": return try lifecycle.run(try Creation.flags.parse(arguments))
            case "start": try lifecycle.start(try simple.parse(arguments).onlyID())
            case "kill": try lifecycle.kill(try Lifecycle.killFlags.parse(arguments))
            case "delete": try lifecycle.delete(try Lifecycle.deleteFlags.parse(arguments))
            case "exec":
                let command = ExecCommand(context: context, flags: try ExecCommand.flags.parse(arguments))
                return try command.run()
            case "state": try queries.state(try simple.parse(arguments))
            case "list": try queries.list(try Queries.listFlags.parse(arguments))
            case "ps": try queries.ps(try Queries.psFlags.parse(arguments))
            case "pause": try changes.pause(try simple.parse(arguments).onlyID())
            case "resume": try changes.resume(try simple.parse(arguments).onlyID())
            case "update": try changes.update(try ChangeCommands.updateFlags.parse(arguments))
            case "events": try EventsCommand(context: context).run(try EventsCommand.flags.parse(arguments))
            case "stats":
                try EventsCommand(context: context).run(try EventsCommand.flags.parse(["--stats"] + arguments))
            default: throw BerthError.invalidArgument("unknown command \"\(command)\"\n\(usage)")
            }
        }
        return 0
    }

    private static let usage = """
        usage: berth-runtime [--root DIR] [--log FILE] [--log-format text|json] COMMAND

        create   create a container           kill      send a signal to it
        start    start its program            delete    delete what is left of it
        run      create and start             pause     stop all its processes
        exec     run another program in it    resume    let them go on
        state    show its state               update    change its limits
        list     show all containers          events    show what it uses (--stats: once)
        ps       show its processes           spec      write a config.json to begin with
        features show what this runtime can

        """
}
