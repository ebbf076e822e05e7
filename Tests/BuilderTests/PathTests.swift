import Linux
import Testing

@testable import Builder

@Suite struct PathTests {
    @Test(arguments: [
        ("*.txt", "a.txt", true), ("*.txt", "d/a.txt", false), ("d/*", "d/a", true), ("d/*", "d/a/b", false),
        ("**/*.txt", "a.txt", true), ("**/*.txt", "x/y/a.txt", true), ("a/**/z", "a/z", true),
        ("a/**/z", "a/b/c/z", true),
        ("a?c", "abc", true), ("[a-c]x", "bx", true), ("[^a-c]x", "bx", false), ("\\*", "*", true), ("\\*", "a", false),
        ("a*b*c", "aXbYbZc", true), ("a*b*c", "aXbY", false),
    ])
    func matches(_ pattern: String, _ path: String, _ expected: Bool) throws {
        #expect(try PathPattern(pattern).matches(path) == expected)
    }

    @Test func refusesBadPatterns() {
        for pattern in ["[", "[]", "a[b-", "\\", "[a-]"] {
            #expect(throws: SyntaxError.self, "\(pattern)") { try PathPattern(pattern) }
        }
    }

    @Test func looksOnlyWhereSomethingMayMatch() throws {
        let pattern = try PathPattern("src/*/x")
        #expect(pattern.mayMatch(below: "src") && pattern.mayMatch(below: "src/a"))
        #expect(!pattern.mayMatch(below: "lib") && !pattern.mayMatch(below: "src/a/x"))
    }

    @Test(arguments: [("/a/./b//", "a/b"), ("../../x", "x"), ("a/../b", "b"), (".", ""), ("/", "")])
    func cleans(_ path: String, _ expected: String) {
        #expect(Paths.clean(path) == expected)
    }

    @Test func splitsBytes() {
        #expect(RawPath("a/b/c").split.parent == "a/b")
        #expect(RawPath("a/b/c").split.name == "c")
        #expect(RawPath("c").split.parent == "")
        #expect(RawPath("a/b/c").dropping("a") == "b/c")
    }

    @Test(arguments: [
        ("755", 0o644, false, 0o755), ("u+x", 0o644, false, 0o744), ("go-r", 0o644, false, 0o600),
        ("u=rwX,go=rX", 0o600, true, 0o755), ("u=rwX,go=rX", 0o600, false, 0o644), ("a=r", 0o777, false, 0o444),
        ("+x", 0o600, false, 0o711), ("u+s", 0o755, false, 0o4755), ("+t", 0o755, true, 0o1755),
    ])
    func changesModes(_ text: String, _ mode: UInt32, _ isDirectory: Bool, _ expected: UInt32) throws {
        #expect(try ModeChange(text).apply(to: mode, isDirectory: isDirectory) == expected)
    }

    @Test func refusesBadModes() {
        for text in ["", "99", "77777", "u", "u~x", "rwx"] {
            #expect(throws: SyntaxError.self, "\(text)") { try ModeChange(text) }
        }
    }

    @Test func readsHTTPDates() {
        #expect(parseHTTPDate("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        #expect(parseHTTPDate("Thu, 01 Jan 1970 00:00:00 GMT") == 0)
        #expect(parseHTTPDate("yesterday") == nil)
    }

    @Test func namesDownloads() {
        #expect(Download.name(of: "http://h/a/b.tgz?x=1#y") == "b.tgz")
        #expect(Download.name(of: "http://h/a%20b") == "a b")
        #expect(Download.name(of: "http://h") == "")
        #expect(Download.isRepository("https://h/x.git#main") && !Download.isRepository("https://h/x.tgz"))
    }
}
