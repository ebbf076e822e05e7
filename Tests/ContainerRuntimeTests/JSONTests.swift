import Errors
import OCI
import Testing

@testable import ContainerRuntime

struct JSONTests {
    private struct Sample: Decodable, Equatable {
        var text: String
        var number: UInt64
        var flag: Bool
        var list: [Int]
        var map: [String: String]
        var absent: Int?
    }

    @Test(arguments: [nil, 2] as [Int?])
    func whatIsWrittenIsReadBack(indent: Int?) throws {
        let awkward = "quote \" backslash \\ line\n tab\t bell\u{7} ä 😀 \u{2028}"
        let value: JSONValue = [
            "text": .string(awkward), "number": .number(UInt64.max), "flag": true, "list": [1, -2],
            "map": .map(["b": "2", "a": awkward]), "absent": .null,
        ]
        let read = try JSON.decode(Sample.self, from: Array(value.text(indent: indent).utf8))
        #expect(
            read
                == Sample(
                    text: awkward, number: .max, flag: true, list: [1, -2], map: ["a": awkward, "b": "2"], absent: nil))
    }

    @Test func form() {
        let value: JSONValue = ["a": [], "b": [1, "x"], "c": [:]]
        #expect(value.text() == #"{"a":[],"b":[1,"x"],"c":{}}"#)
        #expect(value.text(indent: 1) == "{\n \"a\": [],\n \"b\": [\n  1,\n  \"x\"\n ],\n \"c\": {}\n}")
    }

    @Test func aProcessWithoutUserIsRoot() throws {
        let process = try JSON.decode(RuntimeSpec.Process.self, from: Array(#"{"args":["a"],"cwd":"/"}"#.utf8))
        #expect(process.user.uid == 0 && process.user.gid == 0)
    }

    @Test func stateOfHooks() {
        let identity = ContainerIdentity(id: "c", bundle: "/b", ociVersion: "1.2.0", annotations: ["k": "v"])
        #expect(
            identity.state("created", pid: 7).text()
                == #"{"ociVersion":"1.2.0","id":"c","status":"created","pid":7,"bundle":"/b","annotations":{"k":"v"}}"#)
    }
}
