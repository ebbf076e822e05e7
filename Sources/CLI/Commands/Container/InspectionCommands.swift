import Client
import EngineAPI
import Errors

/// `berth top`.
struct TopCommand: Command {
    static let syntax = CommandSyntax(
        "CONTAINER [ps OPTIONS]", "Show the processes of a container", .atLeast(1), interspersed: false)

    var arguments: [String] = []

    func run(in session: Session) async throws {
        let options = arguments.dropFirst().joined(separator: " ")
        let response = try await session.client.top(arguments[0], arguments: options.isEmpty ? nil : options)
        Console.write(Table.render([response.titles] + response.processes, narrowest: 20))
    }
}

/// `berth port`.
struct PortCommand: Command {
    static let syntax = CommandSyntax(
        "CONTAINER [PRIVATE_PORT[/PROTO]]", "Show where a container's ports are published", .between(1, 2))

    var arguments: [String] = []

    func run(in session: Session) async throws {
        let container = try await session.client.inspectContainer(arguments[0])
        let ports = container.networkSettings.ports
        guard arguments.count > 1 else {
            let lines = ports.bindings.keys.sorted(by: Self.byNumber).flatMap { port in
                (ports[port] ?? []).map { "\(port) -> \(Self.text($0))" }
            }
            for line in lines { Console.print(line) }
            return
        }
        let wanted = arguments[1].contains("/") ? arguments[1].lowercased() : arguments[1] + "/tcp"
        guard let bindings = ports[wanted], !bindings.isEmpty else {
            throw BerthError.notFound("Error: No public port '\(arguments[1])' published for \(arguments[0])")
        }
        for binding in bindings { Console.print(Self.text(binding)) }
    }

    private static func text(_ binding: PortBinding) -> String {
        binding.hostIp.contains(":")
            ? "[\(binding.hostIp)]:\(binding.hostPort)" : "\(binding.hostIp):\(binding.hostPort)"
    }

    private static func byNumber(_ left: String, _ right: String) -> Bool {
        func key(_ port: String) -> (Int, String) {
            let parts = port.split(separator: "/")
            return (parts.first.flatMap { Int($0) } ?? 0, parts.last.map(String.init) ?? "")
        }
        return key(left) < key(right)
    }
}

/// `berth diff`.
struct DiffCommand: Command {
    static let syntax = CommandSyntax(
        "CONTAINER", "List what a container changed in its files", .exactly(1))

    var arguments: [String] = []

    func run(in session: Session) async throws {
        for change in try await session.client.changes(arguments[0]) {
            let kind = change.kind == 1 ? "A" : change.kind == 2 ? "D" : "C"
            Console.print("\(kind) \(change.path)")
        }
    }
}

/// `berth inspect`, and with a kind fixed, `container inspect` and its like.
struct InspectCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] NAME|ID [NAME|ID...]", "Show all that is known of containers, images, networks or volumes",
        .atLeast(1))
    static let flags: [Flag<InspectCommand>] = [
        .string(\.options.format, "format", "f", InspectOptions.formatHelp),
        .bool(\.options.size, "size", "s", "Include the sizes of a container's files"),
        .string(\.type, "type", nil, "Look only among objects of this type"),
    ]

    var options = InspectOptions()
    var type: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let kinds: [InspectOptions.Kind]
        if let type {
            guard let kind = InspectOptions.Kind(rawValue: type) else {
                throw BerthError.invalidArgument(
                    "unknown type: \"\(type)\": must be one of \"container\", \"image\", \"network\", \"volume\"")
            }
            kinds = [kind]
        } else {
            kinds = InspectOptions.Kind.allCases
        }
        try await options.run(arguments, kinds, session)
    }
}

/// `berth container inspect`.
struct ContainerInspectCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] CONTAINER [CONTAINER...]", "Show all that is known of containers", .atLeast(1))
    static let flags: [Flag<ContainerInspectCommand>] = [
        .string(\.options.format, "format", "f", InspectOptions.formatHelp),
        .bool(\.options.size, "size", "s", "Include the sizes of the files"),
    ]

    var options = InspectOptions()
    var arguments: [String] = []

    func run(in session: Session) async throws { try await options.run(arguments, [.container], session) }
}

/// What every `inspect` does.
struct InspectOptions: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        case container, image, network, volume
    }

    static let formatHelp =
        "What to print:\n'json':             JSON on one line\n'TEMPLATE':         what a Go template makes of it"

    var format: String?
    var size = false
    var verbose = false

    func run(_ names: [String], _ kinds: [Kind], _ session: Session) async throws {
        var found: [TemplateValue] = []
        var errors: [String] = []
        for name in names {
            do {
                found.append(try await find(name, kinds, session))
            } catch let error as BerthError where error.cause is DaemonFailure {
                errors.append(kinds.count > 1 ? "Error: No such object: \(name)" : Report.message(error))
            }
        }
        Console.write(try text(found))
        for error in errors { Console.note(error) }
        if !errors.isEmpty { throw ExitCode(1) }
    }

    func text(_ found: [TemplateValue]) throws -> String {
        guard let format else { return TemplateValue.list(found).prettyJSON() + "\n" }
        if format == "json" { return TemplateValue.list(found).json + "\n" }
        var template = try GoTemplate(format.replacing("\\t", with: "\t").replacing("\\n", with: "\n"))
        template.missing = .error
        do {
            return try found.map { try template.render($0) + "\n" }.joined()
        } catch let error as BerthError where error.message.hasPrefix("template: ") {
            throw BerthError(error.code, "template parsing error: \(error.message)")
        }
    }

    /// The object of that name of the first kind that has one.
    private func find(_ name: String, _ kinds: [Kind], _ session: Session) async throws -> TemplateValue {
        for kind in kinds.dropLast() {
            do {
                return try JSONReader.read(try await json(name, kind, session))
            } catch let error as BerthError where error.code == .notFound {
                continue
            }
        }
        guard let last = kinds.last else { throw BerthError.notFound("no such object: \(name)") }
        return try JSONReader.read(try await json(name, last, session))
    }

    private func json(_ name: String, _ kind: Kind, _ session: Session) async throws -> [UInt8] {
        switch kind {
        case .container: try await session.client.inspectContainerJSON(name, size: size)
        case .image: try await session.client.inspectImageJSON(name)
        case .network: try await session.client.inspectNetworkJSON(name, verbose: verbose)
        case .volume: try await session.client.inspectVolumeJSON(name)
        }
    }
}
