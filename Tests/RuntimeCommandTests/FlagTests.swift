import Errors
import Testing

@testable import RuntimeCommand

struct FlagTests {
    private let table = FlagTable(
        valued: ["bundle", "env"], switches: ["force", "all"], letters: ["b": "bundle", "f": "force"])

    @Test func allWaysToWriteThem() throws {
        let parsed = try table.parse(["--bundle", "x", "c", "--force=true", "-b=y", "-env", "A=b", "--env=C=d"])
        #expect(parsed["bundle"] == "y" && parsed.all("env") == ["A=b", "C=d"])
        #expect(parsed.isOn("force") && !parsed.isOn("all") && parsed.words == ["c"])
        #expect(try !table.parse(["-f", "--force=false"]).isOn("force"))
    }

    @Test func endsOfFlags() throws {
        #expect(try table.parse(["c", "--", "--force"]).words == ["c", "--force"])
        #expect(try table.parse(["-"]).words == ["-"])
        var command = table
        command.stopsAtFirstWord = true
        let parsed = try command.parse(["--force", "c", "ls", "--all", "--", "x"])
        #expect(parsed.words == ["c", "ls", "--all", "--", "x"] && !parsed.isOn("all"))
    }

    @Test(arguments: [["--nosuch"], ["--bundle"], ["--force=perhaps"], ["-x"]])
    func mistakes(_ words: [String]) {
        #expect(throws: BerthError.self) { try table.parse(words) }
    }

    @Test(arguments: [
        ("-1", -1), ("0", 0), ("1024", 1024), ("1k", 1024), ("64m", 64 << 20), ("64MB", 64 << 20), ("2GiB", 2 << 30),
        ("1t", 1 << 40), ("7b", 7),
    ])
    func sizes(_ text: String, _ bytes: Int64) { #expect(ParsedFlags.bytes(text) == bytes) }

    @Test(arguments: ["", "m", "-2", "1.5g", "64 m", "9999999999999999999", "9999999999g"])
    func noSizes(_ text: String) { #expect(ParsedFlags.bytes(text) == nil) }

    @Test func times() throws {
        #expect(try EventsCommand.seconds("5s") == 5 && EventsCommand.seconds("1m30s") == 90)
        #expect(try EventsCommand.seconds("500ms") == 1 && EventsCommand.seconds("7") == 7)
        for text in ["", "0s", "s", "5d", "-1s"] {
            #expect(throws: BerthError.self) { try EventsCommand.seconds(text) }
        }
    }

    @Test func identifiers() {
        for good in ["a", "A-b_c.d+9", "1"] { #expect(throws: Never.self) { try StateStore.check(good) } }
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a\0", String(repeating: "x", count: 1025)] {
            #expect(throws: BerthError.self) { try StateStore.check(bad) }
        }
    }

    @Test func limitsByFlags() throws {
        let flags = try ChangeCommands.updateFlags.parse([
            "--memory", "64m", "--cpu-quota", "-1", "--pids-limit=7", "c",
        ])
        let resources = try ChangeCommands.resources(flags)
        #expect(resources.memory?.limit == 64 << 20 && resources.cpu?.quota == -1 && resources.pids?.limit == 7)
        #expect(resources.memory?.swap == nil && resources.blockIO == nil)
    }
}
