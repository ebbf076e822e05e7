import Testing

@testable import Compose

@Suite struct ShellWordsTests {
    @Test(arguments: [
        ("python app.py", ["python", "app.py"]),
        ("sh -c \"echo 'a b'\"", ["sh", "-c", "echo 'a b'"]),
        ("a\\ b  c", ["a b", "c"]),
        ("x '' \"\"", ["x", "", ""]),
        ("\"a\\\"b\" 'c\\d'", ["a\"b", "c\\d"]),
        ("", []),
    ])
    func splits(line: String, words: [String]) {
        #expect(ShellWords.split(line) == words)
    }

    @Test func refusesAnOpenQuote() {
        #expect(ShellWords.split("echo 'a") == nil)
    }
}
