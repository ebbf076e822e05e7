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
        #expect(failure("stop")?.text.hasPrefix("berth: 'berth stop' requires at least 1 argument\n") == true)
        #expect(failure("tag", "a")?.text.hasPrefix("berth: 'berth tag' requires 2 arguments\n") == true)
    }

    @Test func helpListsFlagsInDockersLayout() throws {
        guard case .text(let text) = try Invocation(["stop", "--help"]) else {
            Issue.record("not a text")
            return
        }
        #expect(
            text == """
                Usage:  berth stop [OPTIONS] CONTAINER [CONTAINER...]

                Stop running containers

                Options:
                  -s, --signal string   Signal to send
                  -t, --timeout int     Seconds until it is killed

                """)
    }
}
