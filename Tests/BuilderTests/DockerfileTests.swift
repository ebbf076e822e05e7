import Errors
import Testing

@testable import Builder

@Suite struct DockerfileTests {
    private func commands(_ lines: String) throws -> [Command] {
        try Dockerfile("FROM scratch\n" + lines).stages[0].instructions.map(\.command)
    }

    private func message(_ text: String) -> String? {
        let error = #expect(throws: BerthError.self) { try Dockerfile(text) }
        return error?.message
    }

    @Test(arguments: [
        ("RUN cd /a", true), ("RUN cd /a && b", true), ("RUN cd /a; b", true), ("RUN cd", false), ("RUN cda /a", false),
        ("RUN [\"cd\", \"/a\"]", false), ("RUN b && cd /a && c", false), ("RUN cd /a || b", false),
        ("WORKDIR a", true), ("WORKDIR /a", false), ("WORKDIR $A", false), ("WORKDIR /a\nWORKDIR b", false),
        ("FROM scratch AS x\nWORKDIR /a\nFROM x\nWORKDIR b", false), ("FROM y\nWORKDIR b", true),
    ])
    func warnings(_ lines: String, isTold: Bool) throws {
        #expect(try Dockerfile("FROM scratch\n" + lines).warnings.isEmpty != isTold)
    }

    @Test func readsStages() throws {
        let file = try Dockerfile(
            """
            # syntax=docker/dockerfile:1.7-labs
            ARG V=1
            FROM --platform=$BUILDPLATFORM golang:$V AS Build
            RUN go
            from scratch
            copy --from=build /a /b
            """)
        #expect(file.globals == [Argument(name: "V", value: "1")])
        #expect(file.stages.count == 2)
        #expect(file.stages[0].name == "build")
        #expect(file.stages[0].base == "golang:$V")
        #expect(file.stages[0].platform == "$BUILDPLATFORM")
        #expect(file.stages[1].instructions[0].text == "COPY --from=build /a /b")
        #expect(file.stages[1].instructions[0].line == 6)
    }

    @Test(arguments: [
        ("FRM x", "dockerfile parse error on line 1: unknown instruction: FRM (did you mean FROM?)"),
        ("FROM a\n\nRUNN x", "dockerfile parse error on line 3: unknown instruction: RUNN (did you mean RUN?)"),
        (
            "RUN x",
            "dockerfile parse error on line 1: no build stage in current context: RUN stands before FROM, where only ARG may"
        ),
        ("FROM", "dockerfile parse error on line 1: FROM requires either one or three arguments"),
        ("FROM a b", "dockerfile parse error on line 1: FROM requires either one or three arguments"),
        ("FROM a\nWORKDIR", "dockerfile parse error on line 2: WORKDIR requires exactly one argument"),
        ("FROM a\nENV", "dockerfile parse error on line 2: ENV requires at least one argument"),
        ("FROM a\nENV x", "dockerfile parse error on line 2: ENV must have two arguments"),
        (
            "FROM a\nENV x=1 y",
            "dockerfile parse error on line 2: Syntax error - can't find = in \"y\". Must be of the form: name=value"
        ),
        ("FROM a\nCOPY", "dockerfile parse error on line 2: COPY requires at least two arguments"),
        (
            "FROM a\nCOPY x",
            "dockerfile parse error on line 2: COPY requires at least two arguments, but only one was provided. Destination could not be determined"
        ),
        ("FROM a\nCOPY --form=b x y", "dockerfile parse error on line 2: unknown flag: --form (did you mean --from?)"),
        ("FROM a\nCOPY --from=b --from=c x y", "dockerfile parse error on line 2: duplicate flag specified: from"),
        ("FROM a\nHEALTHCHECK X", "dockerfile parse error on line 2: Unknown type \"X\" in HEALTHCHECK (try CMD)"),
        ("FROM a\nONBUILD FROM b", "dockerfile parse error on line 2: FROM isn't allowed as an ONBUILD trigger"),
        (
            "FROM a\nCMD [1]",
            "dockerfile parse error on line 2: When using JSON array syntax, arrays must be comprised of strings only."
        ),
        ("FROM a\nSHELL sh -c", "dockerfile parse error on line 2: SHELL requires the arguments to be in JSON form"),
    ])
    func explains(_ text: String, _ expected: String) {
        #expect(message(text) == expected)
    }

    @Test func explainsEmptyFiles() {
        #expect(message("")?.contains("cannot be empty") == true)
        #expect(message("# only a comment\n")?.contains("cannot be empty") == true)
        #expect(message("ARG a\n")?.contains("no stages to build") == true)
    }

    @Test func acceptsDockersFrontendsOnly() throws {
        for value in [
            "docker/dockerfile:1", "docker/dockerfile-upstream:master-labs", "docker.io/docker/dockerfile:1@sha256:aa",
            "mirror:5000/docker/dockerfile",
        ] {
            _ = try Dockerfile("# syntax=\(value)\nFROM a")
        }
        #expect(
            message("# syntax=me/frontend:1\nFROM a")?.hasPrefix(
                "dockerfile parse error on line 1: the front-end image \"me/frontend:1\"") == true)
    }

    @Test func readsBothForms() throws {
        let commands = try commands("CMD [\"a\", \"b c\"]\nCMD [a]\nENTRYPOINT x y\nRUN --network=none [\"z\"]")
        guard case .command(.exec(["a", "b c"])) = commands[0], case .command(.shell("[a]")) = commands[1],
            case .entrypoint(.shell("x y")) = commands[2], case .run(let run) = commands[3]
        else { throw Failure() }
        #expect(run.commandLine == .exec(["z"]))
        #expect(run.network == Run.Network.none)
    }

    @Test func readsVariables() throws {
        let commands = try commands("ENV a=1 b=\"x y\" c=x\\ y\nENV old with  spaces\nARG p q=2\nLABEL \"k\"=v")
        guard case .environment(let new) = commands[0], case .environment(let old) = commands[1],
            case .argument(let arguments) = commands[2], case .label(let labels) = commands[3]
        else { throw Failure() }
        #expect(new.map(\.value) == ["1", "\"x y\"", "x\\ y"])
        #expect(old == [Variable(name: "old", value: "with  spaces")])
        #expect(arguments == [Argument(name: "p", value: nil), Argument(name: "q", value: "2")])
        #expect(labels.map(\.name) == ["\"k\""])
    }

    @Test func readsCopies() throws {
        let commands = try commands(
            """
            COPY --from=b --chown=1:2 --chmod=u+x --link --parents --exclude=*.a --exclude=*.b a b c/
            COPY ["with space", "dst"]
            COPY <<one x <<two /d/
            1
            one
            2
            two
            ADD --checksum=sha256:aa --unpack=false http://h/f /
            """)
        guard case .copy(let all) = commands[0], case .copy(let json) = commands[1],
            case .copy(let documents) = commands[2], case .add(let add) = commands[3]
        else { throw Failure() }
        #expect(all.sources == [.path("a"), .path("b")])
        #expect(all.destination == "c/")
        #expect(all.from == "b" && all.owner == "1:2" && all.mode == "u+x" && all.isLinked && all.keepsParents)
        #expect(all.excludes == ["*.a", "*.b"])
        #expect(json.sources == [.path("with space")])
        #expect(documents.sources.count == 3)
        #expect(documents.sources[1] == .path("x"))
        #expect(add.unpacks == false && add.checksum == "sha256:aa")
    }

    @Test func readsHealthchecks() throws {
        let commands = try commands(
            "HEALTHCHECK --interval=1m30s --timeout=500ms --retries=2 CMD curl x\nHEALTHCHECK NONE")
        guard case .healthcheck(.command(let line, let check)) = commands[0], case .healthcheck(.none) = commands[1]
        else { throw Failure() }
        #expect(line == .shell("curl x"))
        #expect(check.interval == 90_000_000_000)
        #expect(check.timeout == 500_000_000)
        #expect(check.retries == 2)
    }

    @Test func readsMounts() throws {
        let literal: (String) throws(SyntaxError) -> String = { $0 }
        let cache = try RunMount("type=cache,target=/c,id=x,sharing=locked,mode=0700,uid=5", expand: literal)
        #expect(cache.kind == .cache && cache.sharing == .locked && cache.mode == 0o700 && cache.user == 5)
        let bind = try RunMount("target=/s,source=a,from=b,rw", expand: literal)
        #expect(bind.kind == .bind && bind.isReadOnly == false && bind.from == "b")
        let tmpfs = try RunMount("type=tmpfs,target=/t,size=64m", expand: literal)
        #expect(tmpfs.size == 64 << 20)
        let secret = try RunMount("type=secret,id=tok,env=TOK,required", expand: literal)
        #expect(secret.isRequired && secret.variable == "TOK")
        for bad in [
            "type=cach,target=/c", "type=bind", "target=/x,size=1", "type=secret", "target=/x,nope=1", "type=ssh",
        ] {
            #expect(throws: SyntaxError.self, "\(bad)") { try RunMount(bad, expand: literal) }
        }
    }

    @Test(arguments: [("1h", 3_600_000_000_000), ("1.5s", 1_500_000_000), ("2ms", 2_000_000), ("0", 0)])
    func readsDurations(_ text: String, _ nanoseconds: Int64) {
        #expect(parseDuration(text) == nanoseconds)
    }

    @Test func keepsOnBuildTriggersWithTheirDocuments() throws {
        let commands = try commands("ONBUILD run <<EOF\nx\nEOF\nONBUILD COPY . .")
        guard case .onBuild(let run) = commands[0], case .onBuild("COPY . .") = commands[1] else { throw Failure() }
        guard case .run(let trigger) = try InstructionParser.trigger(run, escape: "\\") else { throw Failure() }
        #expect(trigger.heredocs.map(\.content) == ["x\n"])
    }
}

struct Failure: Error {}
