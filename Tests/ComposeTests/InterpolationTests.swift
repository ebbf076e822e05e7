import Testing

@testable import Compose

@Suite struct InterpolationTests {
    private func expand(_ text: String, _ variables: [String: String] = ["V": "value", "E": "", "N": "V"]) throws
        -> String
    {
        var interpolation = Interpolation { variables[$0] }
        return try interpolation.expand(text)
    }

    @Test(arguments: [
        ("$V", "value"), ("${V}", "value"), ("a${V}b", "avalueb"), ("$V-x", "value-x"),
        ("${V:-d}", "value"), ("${E:-d}", "d"), ("${E-d}", ""), ("${U:-d}", "d"), ("${U-d}", "d"), ("${U:-}", ""),
        ("${V:?e}", "value"), ("${E?e}", ""),
        ("${V:+r}", "r"), ("${E:+r}", ""), ("${E+r}", "r"), ("${U+r}", ""), ("${U:+r}", ""),
        ("${U:-${V}}", "value"), ("${U:-${X:-deep}}", "deep"), ("${U:-a${V}b}", "avalueb"), ("${V:+${E:-x}}", "x"),
        ("$$", "$"), ("$$V", "$V"), ("$${V}", "${V}"), ("a$$b$V", "a$bvalue"),
        ("${V:-${U:?never}}", "value"), ("${U:-a:b-c?d}", "a:b-c?d"), ("none", "none"), ("ü$V", "üvalue"),
    ])
    func expands(text: String, result: String) throws {
        #expect(try expand(text) == result)
    }

    @Test(arguments: ["$", "${", "${}", "${V", "${1}", "$ x", "${V!x}", "${V:x}", "${U:-${V}"])
    func refuses(text: String) {
        #expect(throws: Interpolation.Failure.malformed(text)) { try expand(text) }
    }

    @Test func missingVariables() {
        #expect(throws: Interpolation.Failure.missing(name: "U", message: "give U")) { try expand("${U:?give U}") }
        #expect(throws: Interpolation.Failure.missing(name: "E", message: "")) { try expand("${E:?}") }
        #expect(throws: Interpolation.Failure.missing(name: "U", message: "value!")) { try expand("${U?${V}!}") }
    }

    @Test func tellsOfUnsetVariablesOnce() throws {
        var interpolation = Interpolation { $0 == "V" ? "v" : nil }
        _ = try interpolation.expand("$A ${B:-x} ${V:-$C} $A ${D+$E}")
        #expect(interpolation.unset == ["A"])
    }

    @Test func usedVariables() throws {
        let folder = try Folder([
            "compose.yaml": "services: {web: {image: '$A:${B:-${C}}', command: ['${D:?no}', '$$E', '${A}']}}"
        ])
        let options = LoadOptions(environment: [:], currentDirectory: folder.path)
        #expect(
            try Loader.variables(options) == [
                UsedVariable(name: "A", isRequired: false),
                UsedVariable(name: "B", isRequired: false, fallback: "${C}"),
                UsedVariable(name: "C", isRequired: false), UsedVariable(name: "D", isRequired: true),
            ])
    }

    @Test func errorsNameThePlace() {
        let text = failure(
            """
            services:
              web:
                image: app
                environment:
                  A: "${"
            """)
        #expect(
            text.hasSuffix(
                "compose.yaml:5: invalid interpolation format for services.web.environment.A: \"${\"; "
                    + "you may need to escape any $ with another $"))
        #expect(
            failure("services: {web: {image: '${TAG:?set TAG}'}}").hasSuffix(
                "compose.yaml:1: error while interpolating services.web.image: required variable TAG is missing a value: set TAG"
            ))
    }

    @Test func tagOfTheTutorial() throws {
        let yaml = "services:\n  frontend:\n    image: your-registry/frontend:${TAG:-latest}\n"
        #expect(try load(yaml).services["frontend"]?.image == "your-registry/frontend:latest")
        #expect(try load(yaml, environment: ["TAG": "2"]).services["frontend"]?.image == "your-registry/frontend:2")
    }
}
