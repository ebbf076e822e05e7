import Client
import EngineAPI
import Errors

/// `berth pull`.
struct PullCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] NAME[:TAG|@DIGEST]", "Fetch an image from a registry", .exactly(1))
    static let flags: [Flag<PullCommand>] = [
        .bool(\.allTags, "all-tags", "a", "Every tag of the repository"),
        .string(\.platform, "platform", nil, "Platform to choose (os/arch)"),
        .bool(\.quiet, "quiet", "q", "Print only the name"),
        .ignored("disable-content-trust", takesValue: false),
    ]

    var allTags = false
    var platform: String?
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let name = arguments[0]
        let hasTag = EngineClient.split(name).tag != nil
        if allTags, hasTag { throw BerthError.invalidArgument("tag can't be used with --all-tags/-a") }
        let reference = allTags ? name : ImageName.withTag(name)
        if !allTags, !hasTag, !quiet { Console.print("Using default tag: latest") }
        try await session.tellingHowToLogIn(to: name) {
            let messages = try await session.client.pullImage(
                reference, platform: platform, auth: try RegistryCredentials(session).auth(forImage: name))
            try await ProgressDisplay(to: Console.output, quiet: quiet).show(messages)
        }
        Console.print(ImageName.canonical(reference))
    }
}

extension ImageName {
    /// With its registry and, on Docker Hub, its library.
    static func canonical(_ name: String) -> String {
        let registry = registry(of: name)
        guard registry == "docker.io" else { return name }
        let path = name.hasPrefix("docker.io/") ? String(name.dropFirst("docker.io/".count)) : name
        return path.contains("/") ? "docker.io/\(path)" : "docker.io/library/\(path)"
    }
}

/// `berth push`.
struct PushCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] NAME[:TAG]", "Send an image to a registry", .exactly(1))
    static let flags: [Flag<PushCommand>] = [
        .bool(\.allTags, "all-tags", "a", "Every tag of the repository"),
        .string(\.platform, "platform", nil, "Only this platform (os/arch)"),
        .bool(\.quiet, "quiet", "q", "Print only the name"),
        .ignored("disable-content-trust", takesValue: false),
    ]

    var allTags = false
    var platform: String?
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let name = arguments[0]
        let (repository, tag) = EngineClient.split(name)
        if allTags, tag != nil { throw BerthError.invalidArgument("tag can't be used with --all-tags/-a") }
        if !allTags, tag == nil, !quiet { Console.print("Using default tag: latest") }
        try await session.tellingHowToLogIn(to: name) {
            let messages = try await session.client.pushImage(
                repository, tag: allTags ? nil : tag ?? "latest", platform: platform,
                auth: try RegistryCredentials(session).auth(forImage: name))
            try await ProgressDisplay(to: Console.output, quiet: quiet).show(messages)
        }
        if quiet { Console.print(ImageName.canonical(allTags ? name : ImageName.withTag(name))) }
    }
}

/// `berth search`.
struct SearchCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] TERM", "Search registries for images", .exactly(1))
    static let flags: [Flag<SearchCommand>] = [
        .filters(\.filters, "filter", "f", "Only those that match (key=value, repeatable)"),
        .string(\.format, "format", nil, "What to print, as a Go template"),
        .int(\.limit, "limit", nil, "Most results to show"),
        .bool(\.noTruncation, "no-trunc", nil, "Show texts in full length"),
    ]

    var filters: [String] = []
    var format: String?
    var limit: Int?
    var noTruncation = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let results = try await session.client.searchImages(
            arguments[0], limit: limit, filters: try FilterSpec.parse(filters))
        let rows = results.map { result in
            let about = result.description.replacing("\n", with: " ")
            return TemplateValue.row([
                "Description": .string(noTruncation ? about : Human.ellipsis(about, 45)),
                "IsOfficial": .string(result.isOfficial ? "[OK]" : ""),
                "Name": .string(result.name),
                "StarCount": .string(String(result.starCount)),
            ])
        }
        let format = try ListFormat(format, standard: "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}")
        Console.write(
            try format.render(
                rows,
                headings: .row([
                    "Name": "NAME", "Description": "DESCRIPTION", "StarCount": "STARS", "IsOfficial": "OFFICIAL",
                ])))
    }
}
