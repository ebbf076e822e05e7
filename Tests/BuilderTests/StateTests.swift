import OCI
import Testing

@testable import Builder

@Suite struct StateTests {
    @Test func keysTellFieldsApart() {
        func key(_ body: (inout KeyBuilder) -> Void) -> Digest {
            var builder = KeyBuilder("test")
            body(&builder)
            return builder.finish()
        }
        #expect(key { $0.add("a", ["x", "y"]) } == key { $0.add("a", ["x", "y"]) })
        #expect(key { $0.add("a", ["x", "y"]) } != key { $0.add("a", ["xy"]) })
        #expect(key { $0.add("a", "x") } != key { $0.add("b", "x") })
        #expect(key { $0.add("a", ifPresent: "") } != key { $0.add("a", ifPresent: nil) })
    }

    @Test func environmentWinsOverArguments() {
        var state = StageState(scratchFor: .host)
        state.setArgument("A", "arg")
        state.setArgument("B", "arg")
        state.setEnvironment("A", "env")
        #expect(state.variable("A") == "env")
        #expect(state.variable("B") == "arg")
        #expect(state.visibleArguments == ["B=arg"])
        #expect(state.environmentValue("PATH") == StageState.defaultPath)
        #expect(state.asBase.variable("B") == nil)
    }

    @Test func argumentsHaveScopes() throws {
        let file = try Dockerfile("ARG G=global\nARG H\nFROM a")
        let globals = try GlobalArguments(
            file, given: ["X": "given"], target: Platform(architecture: "arm64", variant: "v8"), stage: "s")
        func value(_ name: String, _ own: String? = nil) throws -> String? {
            try globals.value(of: Argument(name: name, value: own), escape: "\\") { _ in nil }
        }
        #expect(try value("G") == "global")
        #expect(try value("G", "own") == "own")
        #expect(try value("H") == nil)
        #expect(try value("X", "own") == "given")
        #expect(try value("TARGETPLATFORM") == "linux/arm64/v8")
        #expect(try value("TARGETARCH") == "arm64")
        #expect(globals.value("X") == nil)
    }

    @Test(arguments: [
        ("80", ["80/tcp"]), ("53/udp", ["53/udp"]), ("8000-8002", ["8000/tcp", "8001/tcp", "8002/tcp"]),
    ])
    func readsPorts(_ text: String, _ keys: [String]) throws {
        #expect(try StageBuilder.ports(text) == keys)
    }

    @Test func refusesBadPorts() {
        for text in ["x", "0", "70000", "5-4", "80/icmp"] {
            #expect(throws: SyntaxError.self, "\(text)") { try StageBuilder.ports(text) }
        }
    }

    @Test func knowsSignals() {
        for text in ["9", "SIGTERM", "term", "SIGRTMIN+3"] { #expect(StageBuilder.isSignal(text), "\(text)") }
        for text in ["0", "65", "SIGNOPE", "RTMIN-3"] { #expect(!StageBuilder.isSignal(text), "\(text)") }
    }

    @Test func scriptsOfHeredocs() throws {
        func script(_ text: String) throws -> RunScript {
            guard case .run(let run) = try Dockerfile("FROM a\n" + text).stages[0].instructions[0].command else {
                throw Failure()
            }
            return RunScript(run, shell: ["/bin/sh", "-c"])
        }
        #expect(try script("RUN a b").args == ["/bin/sh", "-c", "a b"])
        #expect(try script("RUN <<EOF\nx\ny\nEOF").args == ["/bin/sh", "-c", "x\ny\n"])
        #expect(
            try script("RUN python3 <<EOF\nprint()\nEOF").args == ["/bin/sh", "-c", "python3 <<EOF\nprint()\nEOF\n"])
        let shebang = try script("RUN <<EOF\n#!/usr/bin/env python3\nprint()\nEOF")
        #expect(shebang.args == [RunScript.path])
        #expect(shebang.file == Array("#!/usr/bin/env python3\nprint()\n".utf8))
    }
}
