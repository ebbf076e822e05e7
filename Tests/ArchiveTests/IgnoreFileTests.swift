import Archive
import Errors
import Testing

@Suite struct IgnoreFileTests {
    @Test(arguments: [
        // pattern file, path, excluded
        ("node_modules", "node_modules", true),
        ("node_modules", "node_modules/a/b.js", true),
        ("node_modules", "src/node_modules", false),
        ("/node_modules/", "node_modules/x", true),
        ("**/node_modules", "node_modules", true),
        ("**/node_modules", "a/b/node_modules/x", true),
        ("*.md", "README.md", true),
        ("*.md", "docs/README.md", false),
        ("**/*.md", "docs/deep/README.md", true),
        ("docs/**", "docs/a/b", true),
        ("docs/**", "docs", false),
        ("docs/**/x", "docs/x", true),
        ("docs/**/x", "docs/a/b/x", true),
        ("docs/**/x", "docs/ax", false),
        ("a*X**b", "aXcXb", true),
        ("?.txt", "a.txt", true),
        ("?.txt", "ab.txt", false),
        ("?.txt", "/.txt", false),
        ("[a-c].o", "b.o", true),
        ("[a-c].o", "d.o", false),
        ("[^a-c].o", "d.o", true),
        ("[\\]].o", "].o", true),
        ("\\*.o", "*.o", true),
        ("\\*.o", "a.o", false),
        ("# comment\n\n  \nx", "x", true),
        ("#x", "#x", false),
        ("\u{FEFF}x", "x", true),
        ("  x  ", "x", true),
        ("./x/../y", "y", true),
        (".", "x", false),
        ("*", "anything", true),
        ("*\n!keep", "keep", false),
        ("*\n!keep", "keep/inside", false),
        ("*\n!keep\nkeep/secret", "keep/secret", true),
        ("!keep\n*", "keep", true),
        ("**\n!**/*.go", "a/b/main.go", false),
        ("*\r\n!src\r\n", "src/x", false),
        ("dir\n!dir/keep", "dir/keep", false),
        ("dir\n!dir/keep", "dir/other", true),
        ("ünï*", "ünïcode", true),
    ])
    func rules(text: String, path: String, excluded: Bool) throws {
        #expect(try IgnoreFile(text: text).excludes(path) == excluded)
    }

    @Test(arguments: [
        ("*\n!keep/this", "keep", true),
        ("*\n!keep/this", "other", false),
        ("*\n!keep", "keep/deep", true),
        ("*\n!**/x", "any/where", true),
        ("*\n!a/**/x", "a/b/c", true),
        ("*\n!a/**/x", "b", false),
        ("*\n!*/x", "b", true),
        ("*\n!s?c/x", "src", true),
        ("a\nb", "a", false),
    ])
    func pruning(text: String, directory: String, may: Bool) throws {
        #expect(try IgnoreFile(text: text).mayContainIncluded(directory) == may)
    }

    @Test(arguments: ["!", "[a", "[]a]", "[a-]", "a\\", "[-a]"])
    func malformed(text: String) {
        #expect(throws: BerthError.self) { try IgnoreFile(text: text) }
    }

    /// Many stars must not take exponential time.
    @Test func patience() throws {
        let file = try IgnoreFile(text: String(repeating: "*a", count: 40) + "b")
        #expect(!file.excludes(String(repeating: "a", count: 200)))
    }
}
