import Errors

// Berth has one context, `default`: the daemon that `-H` and the environment choose. Editors and scripts
// ask for it all the same.

private enum DefaultContext {
    static let name = "default"
    static let about = "Current DOCKER_HOST based configuration"

    static func require(_ name: String) throws(BerthError) {
        guard name == Self.name else {
            throw .notFound("context \"\(name)\": context not found; use -H or BERTH_HOST to choose a daemon")
        }
    }
}

/// `berth context ls`.
struct ContextListCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "List contexts", .none)
    static let flags: [Flag<ContextListCommand>] = [
        .string(\.format, "format", nil, ListFormat.help),
        .bool(\.quiet, "quiet", "q", "Print names only"),
    ]

    var format: String?
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        if quiet {
            Console.print(DefaultContext.name)
            return
        }
        let row = TemplateValue.row([
            "Current": .bool(true), "Description": .string(DefaultContext.about),
            "DockerEndpoint": .string("\(session.client.host)"), "Error": "", "Name": .string(DefaultContext.name),
        ])
        guard format == nil || format == "table" else {
            Console.write(try ListFormat(format, standard: "").render([row], headings: Self.headings))
            return
        }
        let table = Table.render([
            ["NAME", "DESCRIPTION", "DOCKER ENDPOINT", "ERROR"],
            ["\(DefaultContext.name) *", DefaultContext.about, "\(session.client.host)", ""],
        ])
        Console.write(table)
    }

    private static let headings = TemplateValue.row([
        "Current": "CURRENT", "Description": "DESCRIPTION", "DockerEndpoint": "DOCKER ENDPOINT", "Error": "ERROR",
        "Name": "NAME",
    ])
}

/// `berth context inspect`.
struct ContextInspectCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] [CONTEXT]", "Show all that is known of a context", .atMost(1))
    static let flags: [Flag<ContextInspectCommand>] = [
        .string(\.options.format, "format", "f", InspectOptions.formatHelp)
    ]

    var options = InspectOptions()
    var arguments: [String] = []

    func run(in session: Session) async throws {
        try DefaultContext.require(arguments.first ?? DefaultContext.name)
        let endpoint = TemplateValue.row([
            "Host": .string("\(session.client.host)"), "SkipTLSVerify": .bool(false),
        ])
        let context = TemplateValue.row([
            "Name": .string(DefaultContext.name), "Metadata": .object([]),
            "Endpoints": .row(["docker": endpoint]), "TLSMaterial": .object([]),
            "Storage": .row(["MetadataPath": "<IN MEMORY>", "TLSPath": "<IN MEMORY>"]),
        ])
        Console.write(try options.text([context]))
    }
}

/// `berth context show`.
struct ContextShowCommand: Command {
    static let syntax = CommandSyntax("", "Print the name of the context in use", .none)

    var arguments: [String] = []

    func run(in session: Session) async throws { Console.print(DefaultContext.name) }
}

/// `berth context use`.
struct ContextUseCommand: Command {
    static let syntax = CommandSyntax("CONTEXT", "Choose the context in use", .exactly(1))

    var arguments: [String] = []

    func run(in session: Session) async throws {
        try DefaultContext.require(arguments[0])
        Console.print(DefaultContext.name)
        Console.note("Current context is now \"\(DefaultContext.name)\"")
    }
}
