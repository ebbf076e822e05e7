import Testing

@testable import Builder

@Suite struct ExpanderTests {
    private let expander = Expander { name in
        ["v": "foo.tar.gz", "empty": "", "path": "/a/b/c", "list": "1 2", "star": "a*b"][name]
    }

    @Test(arguments: [
        ("$v", "foo.tar.gz"), ("${v}", "foo.tar.gz"), ("$v-x", "foo.tar.gz-x"), ("$none", ""), ("a$", "a$"),
        ("$v_x", ""), ("${v}_x", "foo.tar.gz_x"), ("\\$v", "$v"), ("'$v'", "$v"), ("\"$v\"", "foo.tar.gz"),
        ("\"\\$v \\\" \\a\"", "$v \" \\a"), ("a\\ b", "a b"), ("a b", "a b"), ("x\"y z\"w", "xy zw"),
        ("${none:-d}", "d"), ("${empty:-d}", "d"), ("${empty-d}", ""), ("${none-d}", "d"), ("${v:-d}", "foo.tar.gz"),
        ("${v:+s}", "s"), ("${empty:+s}", ""), ("${empty+s}", "s"), ("${none+s}", ""),
        ("${none:-$v}", "foo.tar.gz"), ("${none:-${empty:-deep}}", "deep"), ("${none:-'a b'}", "a b"),
        ("${v#*.}", "tar.gz"), ("${v##*.}", "gz"), ("${v%.*}", "foo.tar"), ("${v%%.*}", "foo"),
        ("${v#x}", "foo.tar.gz"),
        ("${path/b/x}", "/a/x/c"), ("${path//\\//-}", "-a-b-c"), ("${v/./_}", "foo_tar.gz"),
        ("${v//./_}", "foo_tar_gz"),
        ("${v//o}", "f.tar.gz"), ("${star#a\\*}", "b"), ("${v?is set}", "foo.tar.gz"),
    ])
    func replaces(_ text: String, _ expected: String) throws {
        #expect(try expander.word(text) == expected)
    }

    @Test(arguments: ["${v", "${}", "${v:x}", "${v!}", "'open", "\"open", "${none:?must be set}"])
    func refuses(_ text: String) {
        #expect(throws: SyntaxError.self) { try expander.word(text) }
    }

    @Test func namesWhatIsMissing() {
        let error = #expect(throws: SyntaxError.self) { try expander.word("${none:?give me}") }
        #expect(error?.reason == "none: give me")
    }

    @Test func splitsUnquotedValues() throws {
        #expect(try expander.words("a $list \"$list\"") == ["a", "1", "2", "1 2"])
    }

    @Test func documentsKeepQuotes() throws {
        #expect(try expander.document("a \"$v\" '\\$v' \\n\n") == "a \"foo.tar.gz\" '$v' \\n\n")
    }

    @Test func backtickEscapes() throws {
        let expander = Expander(escape: "`") { _ in "x" }
        #expect(try expander.word("c:\\dir`$a$a") == "c:\\dir$ax")
    }
}
