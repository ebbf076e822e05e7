import Client
import EngineAPI
import Errors

/// `berth images`.
struct ImageListCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] [REPOSITORY[:TAG]]", "List images", .atMost(1))
    static let flags: [Flag<ImageListCommand>] = [
        .bool(\.all, "all", "a", "Include images that are only parts of others"),
        .bool(\.digests, "digests", nil, "Show digests"),
        .filters(\.filters, "filter", "f", "Only those that match (key=value, repeatable)"),
        .string(\.format, "format", nil, "What to print: 'table', 'json' or a Go template"),
        .bool(\.noTruncation, "no-trunc", nil, "Show texts in full length"),
        .bool(\.quiet, "quiet", "q", "Print IDs only"),
        .ignored("tree", takesValue: false),
    ]

    var all = false
    var digests = false
    var filters: [String] = []
    var format: String?
    var noTruncation = false
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        var filters = try FilterSpec.parse(filters)
        if let pattern = arguments.first { filters.add("reference", pattern) }
        let showsDigests = digests || (format?.contains(".Digest") ?? false)
        let images = try await session.client.images(all: all, digests: showsDigests, filters: filters)
        let now = Human.now()
        let rows = images.flatMap { ImageRow.rows($0, digests: showsDigests, truncated: !noTruncation, now: now) }
        if quiet, format == nil {
            Console.write(rows.map { ($0.field("ID")?.text ?? "") + "\n" }.joined())
            return
        }
        let format = try ListFormat(
            format ?? session.listFormat("imagesFormat"), standard: digests ? ImageRow.tableWithDigests : ImageRow.table
        )
        Console.write(try format.render(rows, headings: ImageRow.headings))
    }
}

/// An image as rows of a listing, one for each of its names.
enum ImageRow {
    static let table = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
    static let tableWithDigests =
        "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"

    static let headings = TemplateValue.row([
        "ID": "IMAGE ID", "Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", "CreatedSince": "CREATED",
        "CreatedAt": "CREATED AT", "Size": "SIZE", "Containers": "CONTAINERS", "VirtualSize": "SIZE",
        "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE",
    ])

    static func rows(_ image: ImageSummary, digests: Bool, truncated: Bool, now: Int64) -> [TemplateValue] {
        names(image, digests).map { name in
            .row([
                "Containers": .string(image.containers < 0 ? "N/A" : String(image.containers)),
                "CreatedAt": .string(Human.localTime(image.created)),
                "CreatedSince": .string(Human.ago(image.created, now: now)),
                "Digest": .string(name.digest),
                "ID": .string(truncated ? Human.shortID(image.id) : image.id),
                "Repository": .string(name.repository),
                "SharedSize": .string(image.sharedSize < 0 ? "N/A" : Human.size(image.sharedSize, digits: 3)),
                "Size": .string(Human.size(image.size, digits: 3)),
                "Tag": .string(name.tag),
                "UniqueSize": .string(
                    image.sharedSize < 0 ? "N/A" : Human.size(image.size - image.sharedSize, digits: 3)),
                "VirtualSize": .string(Human.size(image.size)),
            ])
        }
    }

    private struct Name {
        var repository: String
        var tag: String
        var digest: String
    }

    private static func names(_ image: ImageSummary, _ digests: Bool) -> [Name] {
        var digestsByRepository: [String: [String]] = [:]
        for text in image.repoDigests {
            let (repository, digest) = EngineClient.split(text)
            digestsByRepository[repository, default: []].append(digest ?? "")
        }
        let tagged = image.repoTags.filter { $0 != "<none>:<none>" }.map(EngineClient.split)
        guard !tagged.isEmpty else {
            let untagged = digestsByRepository.keys.filter { $0 != "<none>" }.sorted()
            guard let repository = untagged.first else {
                return [Name(repository: "<none>", tag: "<none>", digest: "<none>")]
            }
            return (digestsByRepository[repository] ?? []).map {
                Name(repository: repository, tag: "<none>", digest: digests ? $0 : "<none>")
            }
        }
        return tagged.map { repository, tag in
            Name(
                repository: repository, tag: tag ?? "<none>",
                digest: digests ? digestsByRepository[repository]?.first ?? "<none>" : "<none>")
        }
    }
}

/// `berth history`.
struct HistoryCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS] IMAGE", "Show how an image came about", .exactly(1))
    static let flags: [Flag<HistoryCommand>] = [
        .string(\.format, "format", nil, "What to print: 'table', 'json' or a Go template"),
        .bool(\.human, "human", "H", "Sizes and times for people", fallback: "true"),
        .bool(\.noTruncation, "no-trunc", nil, "Show texts in full length"),
        .bool(\.quiet, "quiet", "q", "Print IDs only"),
        .ignored("platform", takesValue: true),
    ]

    var format: String?
    var human: Bool?
    var noTruncation = false
    var quiet = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let items = try await session.client.history(arguments[0])
        let now = Human.now()
        let rows = items.map { row($0, now: now) }
        if quiet {
            Console.write(rows.map { ($0.field("ID")?.text ?? "") + "\n" }.joined())
            return
        }
        let format = try ListFormat(
            format, standard: "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}")
        Console.write(
            try format.render(
                rows,
                headings: .row([
                    "ID": "IMAGE", "CreatedSince": human ?? true ? "CREATED" : "CREATED AT", "CreatedAt": "CREATED AT",
                    "CreatedBy": "CREATED BY", "Size": "SIZE", "Comment": "COMMENT",
                ])))
    }

    private func row(_ item: ImageHistoryItem, now: Int64) -> TemplateValue {
        let isHuman = human ?? true
        let command = item.createdBy.replacing("\t", with: " ")
        let createdAt =
            item.created == 0 ? "" : Human.localTimestamp(nanoseconds: item.created * 1_000_000_000, fraction: false)
        let createdSince = item.created == 0 ? "N/A" : Human.ago(item.created, now: now)
        return .row([
            "Comment": .string(item.comment),
            "CreatedAt": .string(createdAt),
            "CreatedBy": .string(noTruncation ? command : Human.ellipsis(command, 45)),
            "CreatedSince": .string(isHuman ? createdSince : createdAt),
            "ID": .string(noTruncation ? item.id : Human.shortID(item.id)),
            "Size": .string(isHuman ? Human.size(item.size, digits: 3) : String(item.size)),
        ])
    }
}
