import EngineAPI
import Errors
import ImageStore
import OCI

/// The filters of `docker images`.
struct ImageFilter {
    private let filters: Filters
    private let before: Int64?
    private let since: Int64?
    private let dangling: Bool?

    init(_ filters: Filters, images: [Image]) throws {
        try filters.validate(["before", "dangling", "label", "reference", "since", "until"])
        self.filters = filters
        dangling = try filters.bool("dangling")
        func created(_ name: String) throws -> Int64? {
            guard let wanted = filters[name].first else { return nil }
            let reference = try? Reference(wanted)
            let match = images.first { image in
                image.id.hex.hasPrefix(wanted) || image.references.contains { $0 == reference }
            }
            guard let match else { throw BerthError.notFound("No such image: \(wanted)") }
            return match.createdSeconds
        }
        before = try created("before")
        since = try created("since")
    }

    func matches(_ image: Image) -> Bool {
        guard dangling.map({ $0 == image.isDangling }) ?? true else { return false }
        guard filters.matchesLabels(image.config.config?.labels ?? [:]) else { return false }
        if let before, image.createdSeconds >= before { return false }
        if let since, image.createdSeconds <= since { return false }
        let patterns = filters["reference"]
        return patterns.isEmpty
            || patterns.contains { pattern in
                (image.references + image.knownDigests).contains { Self.matches($0, pattern) }
            }
    }

    /// Of an image's names those that the list shows: where names are asked for, only these.
    func shown(_ references: [Reference]) -> [Reference] {
        let patterns = filters["reference"]
        guard !patterns.isEmpty else { return references }
        return references.filter { reference in patterns.contains { Self.matches(reference, $0) } }
    }

    /// `name`, `name:tag`, either with `*` and `?`.
    private static func matches(_ reference: Reference, _ pattern: String) -> Bool {
        [reference.familiar, reference.familiarName, reference.description].contains { glob(Array(pattern), Array($0)) }
    }

    /// `*` stays within one path component, as in Go's `path.Match`.
    private static func glob(_ pattern: [Character], _ text: [Character]) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        let rest = Array(pattern.dropFirst())
        switch first {
        case "*":
            var tail = text[...]
            while true {
                if glob(rest, Array(tail)) { return true }
                guard let next = tail.first, next != "/" else { return false }
                tail.removeFirst()
            }
        case "?": return text.first.map { $0 != "/" && glob(rest, Array(text.dropFirst())) } ?? false
        default: return text.first == first && glob(rest, Array(text.dropFirst()))
        }
    }
}
