import Errors
import Testing

@testable import Compose

@Suite struct DotEnvTests {
    private func parse(_ text: String, _ outer: [String: String] = [:]) throws -> [String: String?] {
        let parsed = try DotEnv.parse(text, file: ".env") { outer[$0] }
        return Dictionary(uniqueKeysWithValues: parsed.map { ($0.key, $0.value) })
    }

    @Test(arguments: [
        ("A=b", "b"), ("A = b ", "b"), ("export A=b", "b"), ("A: b", "b"), ("A=", ""), ("A=''", ""),
        ("A=b # note", "b"), ("A=b#c", "b#c"), ("A=#c", ""), ("A='b # c' # d", "b # c"), ("A=\"b # c\"", "b # c"),
        ("A='$X'", "$X"), ("A=\"$X\"", "x"), ("A=${X}y", "xy"), ("A=${U:-d}", "d"), ("A=\"\\$X\"", "$X"),
        ("A=\"a\\nb\\tc\"", "a\nb\tc"), ("A='a\\nb'", "a\\nb"), ("A=\"a\nb\"", "a\nb"), ("A='a\nb'", "a\nb"),
        ("A=\"say \\\"hi\\\"\"", "say \"hi\""), ("\u{FEFF}A=b", "b"), ("A=b\r\n", "b"), ("# c\n\nA=b", "b"),
        ("A=postgres://u:p@h/d?x=y", "postgres://u:p@h/d?x=y"), ("A=p$", "p$"), ("A={\"k\": 1}", "{\"k\": 1}"),
    ])
    func values(text: String, value: String) throws {
        #expect(try parse(text, ["X": "x"])["A"] == value)
    }

    @Test func earlierVariablesAndTheEnvironment() throws {
        #expect(try parse("A=1\nB=${A}2\nC=$B")["C"] == "12")
        #expect(try parse("A=file\nB=$A", ["A": "outer"])["B"] == "outer")
    }

    @Test func loneNamesTakeTheEnvironment() throws {
        let parsed = try parse("A\nB\nC=1", ["A": "outer"])
        #expect(parsed["A"] == .some("outer"))
        #expect(parsed["B"] == .some(nil))
        #expect(parsed["C"] == "1")
    }

    @Test(arguments: [
        ("A=1\nB=\"x", "failed to read .env: line 2: unterminated quoted value"),
        ("A B=1", "failed to read .env: line 1: unexpected character \"B\" in variable name \"A\""),
        ("A='x' y", "failed to read .env: line 1: unexpected text after the closing quote"),
        ("\n=1", "failed to read .env: line 2: unexpected character \"=\" at the start of a variable name"),
    ])
    func errorsHaveLines(text: String, message: String) {
        let error = #expect(throws: BerthError.self) { try parse(text) }
        #expect(error?.message == message)
    }

    @Test func rawFormatInterpretsNothing() {
        let parsed = DotEnv.parseRaw("A='b' # c\nB=$A\n# no\n")
        #expect(parsed["A"] == "'b' # c")
        #expect(parsed["B"] == "$A")
    }
}
