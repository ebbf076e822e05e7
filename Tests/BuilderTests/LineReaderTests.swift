import Testing

@testable import Builder

@Suite struct LineReaderTests {
    private func lines(_ text: String) throws -> [LogicalLine] {
        var reader = try LineReader(text)
        var lines: [LogicalLine] = []
        while let line = try reader.read() { lines.append(line) }
        return lines
    }

    @Test func joinsContinuationsAndDropsCommentsWithin() throws {
        let lines = try lines(
            """
            FROM a
            # a comment

            RUN one && \\
                # not run
                two && \\

                three
            CMD x
            """)
        #expect(lines.map(\.text) == ["FROM a", "RUN one &&     two &&     three", "CMD x"])
        #expect(lines.map(\.line) == [1, 4, 9])
    }

    @Test func carriageReturnsAndByteOrderMarkAreNoText() throws {
        #expect(try lines("\u{FEFF}FROM a\r\nRUN b \\\r\n  c\r\n").map(\.text) == ["FROM a", "RUN b   c"])
    }

    @Test func escapeDirectiveChangesContinuation() throws {
        let lines = try lines("# escape=`\nFROM a\nRUN c:\\ `\n d\n")
        #expect(lines.map(\.text) == ["FROM a", "RUN c:\\  d"])
    }

    @Test func aDoubledEscapeDoesNotContinue() throws {
        #expect(try lines("RUN a \\\\\nRUN b").count == 2)
    }

    @Test func directivesEndAtTheFirstOtherLine() throws {
        let reader = try LineReader("# syntax=docker/dockerfile:1\n# hello\n# escape=`\nFROM a")
        #expect(reader.directives.syntax?.value == "docker/dockerfile:1")
        #expect(reader.directives.escape == "\\")
        #expect(throws: ParseError.self) { try LineReader("# escape=x\nFROM a") }
        #expect(throws: ParseError.self) { try LineReader("# escape=`\n# escape=`\nFROM a") }
    }

    @Test func readsHeredocs() throws {
        let lines = try lines(
            """
            RUN <<EOF
            # kept
            echo $x \\
            EOF
            COPY <<a <<-"b" /d/
            1
            a
            \t\t2
            \tb
            CMD end
            """)
        #expect(lines.count == 3)
        #expect(
            lines[0].heredocs == [
                Heredoc(name: "EOF", expands: true, dropsTabs: false, content: "# kept\necho $x \\\n")
            ])
        #expect(lines[1].heredocs[0].content == "1\n")
        #expect(lines[1].heredocs[1] == Heredoc(name: "b", expands: false, dropsTabs: true, content: "2\n"))
        #expect(lines[2].text == "CMD end")
    }

    @Test func shiftsAndQuotedTextAreNoHeredocs() throws {
        #expect(try lines("RUN echo $((1<<2)) '<<EOF' \"<<X\"\nRUN b").count == 2)
        #expect(throws: ParseError.self) { try lines("RUN <<EOF\nnever ends") }
    }
}
