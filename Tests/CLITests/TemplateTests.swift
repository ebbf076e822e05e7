import Errors
import Testing

@testable import CLI

@Suite struct GoTemplateTests {
    private static let value: TemplateValue = {
        let json = """
            {"Id":"sha256:abc","Name":"/web","State":{"Status":"running","Running":true,"ExitCode":0,"Pid":12345678901234567890},
             "Config":{"Env":["A=1","B=2"],"Labels":{"com.x.y":"z","b":"1","a":"2"},"Cmd":null},
             "Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}],"443/tcp":null},"Empty":{},"None":[]}
            """
        guard let value = try? JSONReader.read(Array(json.utf8)) else { return .null }
        return value
    }()

    private func render(_ text: String) throws -> String { try GoTemplate(text).render(Self.value) }

    @Test(arguments: [
        ("{{.State.Status}}", "running"),
        ("{{ .Name }}", "/web"),
        ("{{.State.Pid}}", "12345678901234567890"),
        ("{{json .Config.Env}}", "[\"A=1\",\"B=2\"]"),
        ("{{.Config.Env}}", "[A=1 B=2]"),
        ("{{.Config.Labels}}", "map[a:2 b:1 com.x.y:z]"),
        ("{{index .Config.Labels \"com.x.y\"}}", "z"),
        ("{{index .Config.Labels \"nope\"}}", ""),
        ("{{index .Config.Env 1}}", "B=2"),
        ("{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080"),
        ("{{range .Config.Env}}{{.}};{{end}}", "A=1;B=2;"),
        ("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}", "a=2 b=1 com.x.y=z "),
        ("{{range $i, $e := .Config.Env}}{{$i}}{{$e}}{{end}}", "0A=11B=2"),
        ("{{range .None}}x{{else}}none{{end}}", "none"),
        (
            "{{range $p, $c := .Ports}}{{$p}}{{if $c}} -> {{(index $c 0).HostPort}}{{end}} {{end}}",
            "443/tcp 80/tcp -> 8080 "
        ),
        ("{{if .State.Running}}up{{else}}down{{end}}", "up"),
        ("{{if not .State.Running}}down{{else if eq .State.ExitCode 0}}zero{{else}}other{{end}}", "zero"),
        ("{{if and .State.Running (eq .State.Status \"running\")}}yes{{end}}", "yes"),
        ("{{if or .None .Empty}}yes{{else}}no{{end}}", "no"),
        ("{{with .State}}{{.Status}}{{end}}", "running"),
        ("{{with $x := .State.Status}}{{$x | upper}}{{end}}", "RUNNING"),
        ("{{$n := .Name}}{{slice $n 1}}", "web"),
        ("{{.Name | printf \"%-6s|\"}}", "/web  |"),
        ("{{printf \"%s has %d, %q, %5.1f%%\" .Name 3 \"x\" 2.25}}", "/web has 3, \"x\",   2.2%"),
        ("{{join .Config.Env \",\"}}", "A=1,B=2"),
        ("{{(split .Id \":\") | json}}", "[\"sha256\",\"abc\"]"),
        ("{{title \"hello world\"}}{{lower \"ABC\"}}", "Hello Worldabc"),
        ("{{pad \"x\" 1 2}}|{{truncate \"hello\" 2}}", " x  |he"),
        ("{{len .Config.Env}}{{len .Name}}", "24"),
        ("{{println .Name}}", "/web\n"),
        ("a {{- \"b\" -}} c", "abc"),
        ("{{/* nothing */}}x", "x"),
        ("{{.Nope}}", "<no value>"),
        ("{{.Config.Cmd}}", "<nil>"),
        ("{{ne 1 2}} {{lt 1 2}} {{ge 2 2}} {{eq \"a\" \"b\" \"a\"}}", "true true true true"),
        ("{{`raw \\n`}}{{\"\\t|\"}}", "raw \\n\t|"),
        ("{{json .}}", "{\"Id\":\"sha256:abc\""),
    ])
    func renders(_ template: String, _ expected: String) throws {
        let text = try render(template)
        #expect(template == "{{json .}}" ? text.hasPrefix(expected) : text == expected)
    }

    @Test(arguments: ["{{", "{{.A", "{{if .A}}", "{{end}}", "{{nope .A}}", "{{.A | }}", "{{(.A}}", "{{\"x}}"])
    func refuses(_ template: String) {
        #expect(throws: BerthError.self) { try GoTemplate(template) }
    }

    @Test(arguments: [
        ("{{range .Config.Env}}{{if eq . \"B=2\"}}{{break}}{{end}}{{.}}{{end}}.", "A=1."),
        ("{{range .Config.Env}}{{if eq . \"A=1\"}}{{continue}}{{end}}{{.}}{{end}}.", "B=2."),
        ("{{print 1 2}} {{print 1 \"a\" 2}}", "1 2 1a2"),
        ("{{html \"<a>\"}} {{urlquery \"a b&\"}}", "&lt;a&gt; a+b%26"),
        ("{{.ID}} {{.State.exitcode}}", "sha256:abc 0"),
    ])
    func functionsAndNamesOfGo(_ template: String, _ expected: String) throws {
        #expect(try render(template) == expected)
    }

    @Test func headingsAreNotShaped() throws {
        let format = try ListFormat(#"table {{json .Name}}\t{{upper .State.Status}}\t{{truncate .Id 6}}"#, standard: "")
        let text = try format.render(
            [Self.value], headings: .row(["Name": "NAME", "Id": "ID", "State": .row(["Status": "Status"])]))
        #expect(text == "NAME      Status    ID\n\"/web\"    RUNNING   sha256\n")
    }

    @Test func fieldsThatDockerLeavesOutWhenEmptyAreNoErrors() throws {
        var template = try GoTemplate(
            "{{if .State.Health}}h{{else}}none{{end}} [{{.HostConfig.RestartPolicy.Name}}] [{{.Author}}]")
        template.missing = .error
        let value = TemplateValue.row(["State": .object([]), "HostConfig": .object([])])
        #expect(try template.render(value) == "none [] []")
    }

    @Test func rowsNameAnUnknownField() {
        #expect(throws: BerthError.self) {
            try ListFormat("{{.Nope}}", standard: "").render([Self.value], headings: .object([]))
        }
    }

    @Test func inspectNamesAMissingField() throws {
        var template = try GoTemplate("{{.State.Nope}}")
        template.missing = .error
        let error = #expect(throws: BerthError.self) { try template.render(Self.value) }
        #expect(error?.message == "template: :1: executing \"\" at <.State.Nope>: map has no entry for key \"Nope\"")
    }
}

@Suite struct JSONReaderTests {
    @Test func orderAndDigitsAreKept() throws {
        let text = "{\"b\":1.50,\"a\":[true,null,-12e3],\"s\":\"\\u00e9\\ud83d\\ude00\\n\"}"
        let value = try JSONReader.read(Array(text.utf8))
        #expect(value.json == "{\"b\":1.50,\"a\":[true,null,-12e3],\"s\":\"é😀\\n\"}")
    }

    @Test func indentsAsGoDoes() throws {
        let value = try JSONReader.read(Array("{\"a\":{},\"b\":[],\"c\":[1,{\"d\":2}]}".utf8))
        #expect(
            value.prettyJSON() == """
                {
                    "a": {},
                    "b": [],
                    "c": [
                        1,
                        {
                            "d": 2
                        }
                    ]
                }
                """)
    }

    @Test(arguments: ["", "{", "{\"a\"}", "[1,]", "nul", "\"\\x\"", "1 2", "{\"a\":1,}", "--1"])
    func refuses(_ text: String) {
        #expect(throws: BerthError.self) { try JSONReader.read(Array(text.utf8)) }
    }

    @Test func depthHasALimit() {
        #expect(throws: BerthError.self) { try JSONReader.read(Array(String(repeating: "[", count: 100_000).utf8)) }
    }
}
