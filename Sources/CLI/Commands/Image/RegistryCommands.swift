import Client
import EngineAPI
import Errors
import Linux

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
        let messages = try await session.client.pullImage(
            reference, platform: platform, auth: try RegistryCredentials(session).auth(forImage: name))
        try await PullProgress(to: Console.output, quiet: quiet).show(messages)
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
        let messages = try await session.client.pushImage(
            repository, tag: allTags ? nil : tag ?? "latest", platform: platform,
            auth: try RegistryCredentials(session).auth(forImage: name))
        try await PullProgress(to: Console.output, quiet: quiet).show(messages)
        if quiet { Console.print(ImageName.canonical(allTags ? name : ImageName.withTag(name))) }
    }
}

/// `berth search`.
struct SearchCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] TERM", "Search registries for images", .exactly(1))
    static let flags: [Flag<SearchCommand>] = [
        .list(\.filters, "filter", "f", "Only those that match (key=value, repeatable)", value: "filter"),
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

/// `berth login`.
struct LoginCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] [SERVER]", "Log in to a registry (Docker Hub unless one is named)", .atMost(1))
    static let flags: [Flag<LoginCommand>] = [
        .string(\.password, "password", "p", "Password or access token"),
        .bool(\.passwordFromInput, "password-stdin", nil, "Read the password or access token from standard input"),
        .string(\.user, "username", "u", "Name of the user"),
    ]

    var password: String?
    var passwordFromInput = false
    var user: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let key = RegistryCredentials.key(arguments.first ?? "docker.io")
        var credentials = try RegistryCredentials(session)
        let former = credentials.config(for: key)
        var config = AuthConfig(serverAddress: key)
        if passwordFromInput {
            guard let user else { throw BerthError.invalidArgument("Must provide --username with --password-stdin") }
            guard password == nil else {
                throw BerthError.invalidArgument("--password and --password-stdin are mutually exclusive")
            }
            config.username = user
            config.password = Self.withoutLineEnd(try Console.input.readToEnd())
        } else if let password {
            Console.note("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
            config.username = user ?? Self.ask("Username: ")
            config.password = password
        } else if user == nil, let former {
            Console.print("Authenticating with existing credentials... [Username: \(former.username)]")
            config = former
        } else {
            guard Console.input.isTerminal else {
                throw BerthError.invalidArgument("Cannot perform an interactive login from a non TTY device")
            }
            config.username = user ?? Self.ask("Username: ")
            config.password = Self.askHidden("Password: ")
        }
        let answer = try await session.client.authenticate(config)
        if !answer.identityToken.isEmpty {
            config.identityToken = answer.identityToken
            config.password = ""
        }
        try credentials.store(config, for: key)
        if former?.username != config.username || former?.password != config.password {
            Console.note("WARNING! Your credentials are stored unencrypted in '\(credentials.path)'.")
        }
        if !answer.status.isEmpty { Console.print(answer.status) }
    }

    private static func ask(_ prompt: String) -> String {
        Console.write(prompt)
        return withoutLineEnd((try? Console.input.read(upTo: 1024)) ?? [])
    }

    /// What is typed is not shown, and shown as no more than a new line at its end.
    private static func askHidden(_ prompt: String) -> String {
        Console.write(prompt)
        guard (try? Exit.makeTerminalRaw()) != nil else { return ask("") }
        defer {
            Exit.restoreTerminal()
            Console.write("\n")
        }
        var typed: [UInt8] = []
        while let byte = try? Console.input.read(upTo: 1).first {
            switch byte {
            case 10, 13: return String(decoding: typed, as: UTF8.self)
            case 3: Exit.now(130)
            case 4: return String(decoding: typed, as: UTF8.self)
            case 8, 127: _ = typed.popLast()
            default: typed.append(byte)
            }
        }
        return String(decoding: typed, as: UTF8.self)
    }

    private static func withoutLineEnd(_ bytes: [UInt8]) -> String {
        var bytes = bytes
        if bytes.last == 10 { bytes.removeLast() }
        if bytes.last == 13 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// `berth logout`.
struct LogoutCommand: Command {
    static let syntax = CommandSyntax(
        "[SERVER]", "Forget the credentials of a registry (Docker Hub unless one is named)", .atMost(1))

    var arguments: [String] = []

    func run(in session: Session) async throws {
        let name = arguments.first ?? "docker.io"
        let key = RegistryCredentials.key(name)
        var credentials = try RegistryCredentials(session)
        if try credentials.remove(key) {
            Console.print("Removing login credentials for \(key)")
        } else {
            Console.print("Not logged in to \(key)")
        }
    }
}
