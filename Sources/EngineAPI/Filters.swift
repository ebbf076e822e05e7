import Errors

/// Filters of a list or prune: what must hold, by the filter's name.
///
/// On the wire `{"name":["value"]}`; clients before API 1.22 send `{"name":{"value":true}}`.
public struct Filters: Equatable, Sendable, ExpressibleByDictionaryLiteral {
    public private(set) var values: [String: [String]] = [:]

    public init() {}

    public init(dictionaryLiteral elements: (String, [String])...) {
        for (name, values) in elements { self.values[name, default: []] += values }
    }

    public init(_ query: Query) throws {
        guard let text = query.string("filters") else { return }
        guard let filters = try? query.json("filters", as: Filters.self) else {
            throw BerthError.invalidArgument("invalid filters: \(text)")
        }
        self = filters
    }

    /// The values of `name`; empty if the filter is absent.
    public subscript(name: String) -> [String] { values[name] ?? [] }

    public var isEmpty: Bool { values.isEmpty }

    public func contains(_ name: String) -> Bool { values[name] != nil }

    public mutating func add(_ name: String, _ value: String) {
        values[name, default: []].append(value)
    }

    /// Throws for a filter that the operation does not know, in Docker's words.
    public func validate(_ known: Set<String>) throws {
        for name in values.keys.sorted() where !known.contains(name) {
            throw BerthError.invalidArgument("invalid filter '\(name)'")
        }
    }

    /// The truth of a filter such as `dangling`; `nil` if absent.
    public func bool(_ name: String) throws -> Bool? {
        guard let values = values[name] else { return nil }
        let truths = try Set(
            values.map { value in
                switch value.lowercased() {
                case "1", "true", "t": true
                case "0", "false", "f": false
                default: throw BerthError.invalidArgument("invalid filter '\(name)=[\(value)]'")
                }
            })
        guard truths.count == 1, let truth = truths.first else {
            throw BerthError.invalidArgument("invalid filter '\(name)=[\(values.joined(separator: " "))]'")
        }
        return truth
    }

    /// Whether `labels` satisfies every `name` or `name=value` of the filter called `filter`.
    public func matchesLabels(_ labels: [String: String], filter: String = "label") -> Bool {
        self[filter].allSatisfy { wanted in
            let parts = wanted.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let value = labels[String(parts[0])] else { return false }
            return parts.count == 1 || value == parts[1]
        }
    }
}

extension Filters: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let lists = try? container.decode([String: [String]].self) {
            values = lists
        } else {
            values = try container.decode([String: [String: Bool]].self)
                .mapValues { $0.filter(\.value).keys.sorted() }
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(values)
    }
}
