import Testing

@testable import CLI

@Suite struct FlagParserTests {
    private func exec(_ words: String...) throws -> ExecCommand {
        var command = ExecCommand()
        let outcome = try FlagParser(ExecCommand.flags, interspersed: false).parse(words, into: &command)
        command.arguments = outcome.arguments
        return command
    }

    private func run(_ words: String...) throws -> RunCommand {
        var command = RunCommand()
        let outcome = try FlagParser(RunCommand.flags, interspersed: false).parse(words, into: &command)
        command.arguments = outcome.arguments
        return command
    }

    @Test func clusterMayEndInAFlagWithItsValue() throws {
        let command = try exec("-iter", "6d711f6ee058", "/bin/bash")
        #expect(command.options.interactive)
        #expect(command.options.tty)
        #expect(command.options.environment == ["r"])
        #expect(command.arguments == ["6d711f6ee058", "/bin/bash"])
    }

    @Test func switchesAndValuesInOneWord() throws {
        let command = try run("-itd", "-p8080:80", "-eA=b", "-e=C=d", "-m", "64m", "--name=web", "nginx")
        #expect(command.options.interactive && command.options.tty && command.detached)
        #expect(command.options.publish == ["8080:80"])
        #expect(command.options.environment == ["A=b", "C=d"])
        #expect(command.options.memory == 64 << 20)
        #expect(command.options.name == "web")
    }

    @Test func switchesTakeValuesOnlyBehindEquals() throws {
        let command = try run("-it=false", "--rm=true", "--init=false", "--privileged", "alpine", "true")
        #expect(command.options.interactive)
        #expect(!command.options.tty)
        #expect(command.options.autoRemove)
        #expect(command.options.usesInit == false)
        #expect(command.options.privileged)
        #expect(command.arguments == ["alpine", "true"])
    }

    @Test func flagsAfterTheImageBelongToTheCommand() throws {
        let command = try run("--rm", "alpine", "ls", "-l", "--color=never")
        #expect(command.arguments == ["alpine", "ls", "-l", "--color=never"])
        #expect(command.options.labels.isEmpty)
    }

    @Test func dashesEndTheFlags() throws {
        #expect(try run("--rm", "--", "alpine", "--rm").arguments == ["alpine", "--rm"])
    }

    @Test func otherCommandsTakeFlagsAnywhere() throws {
        var command = SaveCommand()
        let outcome = try FlagParser(SaveCommand.flags, interspersed: true)
            .parse(["nginx:latest", "-o", "f.tar", "redis"], into: &command)
        #expect(command.output == "f.tar")
        #expect(outcome.arguments == ["nginx:latest", "redis"])
    }

    @Test func loneDashIsAnArgument() throws {
        var command = BuildCommand()
        let outcome = try FlagParser(BuildCommand.flags, interspersed: true)
            .parse(["-t", "x", "-f", "-", "-"], into: &command)
        #expect(command.tags == ["x"])
        #expect(command.dockerfile == "-")
        #expect(outcome.arguments == ["-"])
    }

    @Test func hostnameKeepsItsLetter() throws {
        let command = try run("-h", "box", "alpine")
        #expect(command.options.hostname == "box")
        var list = ListCommand()
        #expect(try FlagParser(ListCommand.flags, interspersed: true).parse(["-h"], into: &list).wantsHelp)
    }

    @Test(arguments: [
        (["--nope"], "unknown flag: --nope"),
        (["-z"], "unknown shorthand flag: 'z' in -z"),
        (["-iz"], "unknown shorthand flag: 'z' in -iz"),
        (["-ie"], "flag needs an argument: 'e' in -ie"),
        (["--env"], "flag needs an argument: --env"),
        (["--tty=perhaps"], "invalid argument \"perhaps\" for \"-t, --tty\" flag: expected true or false"),
    ])
    func errorsAreThoseOfPflag(_ words: [String], _ message: String) {
        var command = ExecCommand()
        #expect(throws: UsageError(message)) {
            _ = try FlagParser(ExecCommand.flags, interspersed: false).parse(words, into: &command)
        }
    }

    @Test func noCommandDeclaresAFlagTwice() {
        func check<Root: Command>(_ type: Root.Type) -> [String] {
            let longs = Root.flags.map(\.long)
            let shorts = Root.flags.compactMap(\.short)
            return Set(longs).count == longs.count && Set(shorts).count == shorts.count ? [] : ["\(type)"]
        }
        func all(_ group: CommandGroup) -> [String] {
            group.entries.flatMap { entry -> [String] in
                switch entry.target {
                case .command(let type): check(type)
                case .group(let inner), .compose(let inner): all(inner)
                }
            }
        }
        #expect(all(Commands.root) == [])
    }
}

@Suite struct InvocationTests {
    private func failure(_ words: String...) -> CommandLineFailure? {
        do {
            _ = try Invocation(words)
            return nil
        } catch {
            return error as? CommandLineFailure
        }
    }

    @Test func versionIsOneLine() throws {
        guard case .text(let text) = try Invocation(["-v"]) else {
            Issue.record("not a text")
            return
        }
        #expect(text.wholeMatch(of: /Berth version [0-9.]+, build \w+\n/) != nil)
    }

    @Test func groupsAndTheirAliasesLeadToTheSameCommand() throws {
        for words in [
            ["ps", "-a"], ["container", "ls", "-a"], ["container", "list", "-a"], ["container", "ps", "-a"],
        ] {
            guard case .command(let command, _, _) = try Invocation(words) else {
                Issue.record("\(words)")
                return
            }
            #expect((command as? ListCommand)?.all == true)
        }
    }

    @Test func globalFlagsStandBeforeTheCommand() throws {
        guard case .command(_, let options, let path) = try Invocation(["-H", "tcp://h:1", "image", "ls"]) else {
            Issue.record("not a command")
            return
        }
        #expect(options.host == "tcp://h:1")
        #expect(path == "berth image ls")
    }

    @Test func unknownCommandsAndFlagsAreTold() {
        #expect(
            failure("fly")
                == CommandLineFailure(
                    text: "berth: unknown command: berth fly\n\nRun 'berth --help' for more information", code: 1))
        #expect(failure("ps", "--fly")?.text.hasPrefix("unknown flag: --fly\n\nUsage:  berth ps [OPTIONS]\n") == true)
        #expect(failure("run", "--fly")?.code == 125)
    }

    @Test func missingArgumentsAreTold() {
        #expect(
            failure("stop")?.text == """
                "berth stop" requires at least 1 argument.
                See 'berth stop --help'.

                Usage:  berth stop [OPTIONS] CONTAINER [CONTAINER...]

                Stop running containers
                """)
        #expect(failure("tag", "a")?.text.hasPrefix("\"berth tag\" requires exactly 2 arguments.\n") == true)
        #expect(failure("ps", "a")?.text.hasPrefix("\"berth ps\" accepts no arguments.\n") == true)
    }

    @Test(arguments: [
        (["sav"], "save"), (["buidl"], "build"), (["image", "pulll"], "pull"), (["compsoe"], "compose"),
    ])
    func theNearestCommandIsSuggested(_ words: [String], _ suggestion: String) {
        let text = (try? Invocation(words)) == nil ? failure(words)?.text : nil
        #expect(text?.contains("Did you mean this?\n        \(suggestion)\n") == true)
    }

    private func failure(_ words: [String]) -> CommandLineFailure? {
        do {
            _ = try Invocation(words)
            return nil
        } catch {
            return error as? CommandLineFailure
        }
    }

    @Test func theNearestFlagIsSuggested() {
        #expect(
            failure("save", "--outptu", "f")?.text.hasPrefix("unknown flag: --outptu\nDid you mean --output?\n") == true
        )
        #expect(
            failure("run", "-name", "web", "nginx")?.text.hasPrefix(
                "unknown shorthand flag: 'n' in -name\nDid you mean --name?\n") == true)
    }

    @Test func aMissingBlankBehindTheContainerIsSeen() {
        let text = "berth: No such container: 6d71/bin/bash: did you mean \"6d71 /bin/bash\"?"
        #expect(failure("exec", "-it", "6d71/bin/bash") == CommandLineFailure(text: text, code: 1))
        #expect(failure("exec", "-it", "6d71/bin/bash", "-c", "ls") == CommandLineFailure(text: text, code: 1))
        #expect(failure("exec", "/web", "ls") == nil)
    }

    @Test func clustersThatMeanSomethingElseAreTold() throws {
        func notes(_ words: String...) throws -> [String] {
            guard case .command(let command as ExecCommand, _, _) = try Invocation(["exec"] + words) else { return [] }
            #expect(command.arguments == ["6d71", "/bin/bash"])
            #expect(command.options.interactive && command.options.tty)
            return command.clusters.compactMap { SloppyFlags.note($0, ["LANG": "C"]) }
        }
        #expect(try notes("-iter", "6d71", "/bin/bash") == ["-iter means -i -t -e r; -it is enough"])
        #expect(try notes("-it", "6d71", "/bin/bash") == [])
        #expect(try notes("-iteLANG", "6d71", "/bin/bash") == [])
        #expect(try notes("-iteA=1", "6d71", "/bin/bash") == [])
    }
}

@Suite struct HelpTests {
    private func text(_ words: [String], as program: String = "berth") throws -> String? {
        guard case .text(let text) = try Invocation(words, as: Program(calledAs: program)) else { return nil }
        return text
    }

    @Test func aCommandHasUsageAliasesOptionsAndExamples() throws {
        #expect(
            try text(["stop", "--help"]) == """
                Usage:  berth stop [OPTIONS] CONTAINER [CONTAINER...]

                Stop running containers

                Aliases:
                  berth container stop, berth stop

                Options:
                  -s, --signal string   Signal to send
                  -t, --timeout int     Seconds until it is killed

                Examples:
                  # Ask it to end, and kill it after 10 seconds
                  berth stop web

                  # Kill it after 2 seconds
                  berth stop -t 2 web

                """)
        #expect(try text(["help", "stop"]) == text(["stop", "--help"]))
    }

    @Test func everyFormOfACommandNamesTheProgram() throws {
        #expect(
            try text(["cp", "--help"], as: "/usr/bin/docker")?.hasPrefix(
                "Usage:  docker cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n        docker cp [OPTIONS] SRC_PATH|- ")
                == true)
    }

    @Test func theRootHasDockersSections() throws {
        let titles = try #require(try text(["--help"])).split(separator: "\n").filter { $0.hasSuffix(":") }
        #expect(titles == ["Common Commands:", "Management Commands:", "Commands:", "Global Options:"])
    }

    @Test func linksMakeOtherPrograms() throws {
        #expect(try text(["-v"], as: "docker")?.wholeMatch(of: /Docker version [0-9.]+, build \w+\n/) != nil)
        #expect(
            try text(["up", "--help"], as: "/x/docker-compose")?.hasPrefix("Usage:  docker-compose up [OPTIONS]")
                == true)
        #expect(try text(["up", "--help"], as: "docker-compose")?.contains("\n  docker-compose up -d\n") == true)
        #expect(try text(["compose", "up", "--help"], as: "docker")?.contains("\n  docker compose up -d\n") == true)
        guard
            case .command(let command, _, let path) = try Invocation(
                ["up", "-d"], as: Program(calledAs: "docker-compose"))
        else {
            Issue.record("not a command")
            return
        }
        #expect(command is ComposeUpCommand && path == "docker-compose up")
    }

    @Test func examplesAreCommandLinesThatCanBeRead() throws {
        func check(_ group: CommandGroup) throws {
            for entry in group.entries {
                switch entry.target {
                case .group(let inner), .compose(let inner): try check(inner)
                case .command(let type):
                    for line in Examples.of(type).flatMap(\.lines) {
                        let command = try #require(line.split(separator: "$ ").last).prefix {
                            $0 != "|" && $0 != ">" && $0 != "<"
                        }
                        // Blanks in quotes do not part words.
                        let words = command.split(separator: "'", omittingEmptySubsequences: false).enumerated().flatMap
                        {
                            $0.offset % 2 == 0
                                ? $0.element.split(separator: " ").map(String.init) : [String($0.element)]
                        }
                        guard case .command(let read, _, _) = try Invocation(words) else {
                            Issue.record("\(line) is no command")
                            continue
                        }
                        #expect(Swift.type(of: read) == type, "\(line)")
                    }
                }
            }
        }
        try check(Commands.root)
    }

    @Test func longTextsAreBroken() {
        #expect(Help.wrapped("one two three four", to: 9) == ["one two", "three four"])
        #expect(Help.wrapped("unbreakableword again", to: 8) == ["unbreakableword again"])
        #expect(Help.wrapped("", to: 10) == [""])
    }
}

@Suite struct SpellingTests {
    @Test(arguments: [
        ("save", "save", 0), ("sav", "save", 1), ("buidl", "build", 1), ("", "ps", 2), ("kitten", "sitting", 3),
    ])
    func distances(_ left: String, _ right: String, _ distance: Int) {
        #expect(Spelling.distance(left, right) == distance)
    }

    @Test func onlySlipsCount() {
        #expect(Spelling.nearest(to: "fly", among: ["ps", "push", "pull"]) == [])
        #expect(Spelling.nearest(to: "imag", among: ["images", "image", "inspect"]) == ["image", "images"])
        #expect(Spelling.nearest(to: "PULL", among: ["push", "pull"]).first == "pull")
    }
}
