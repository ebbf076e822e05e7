import EngineAPI
import Errors
import Linux
import OCI

/// The filters of `docker ps`.
struct ContainerFilter {
    private static let known: Set<String> = [
        "ancestor", "before", "expose", "exited", "health", "id", "isolation", "is-task", "label", "name", "network",
        "publish", "since", "status", "volume",
    ]

    private let filters: Filters
    private let before: Int64?
    private let since: Int64?
    private let codes: Set<Int32>

    init(_ filters: Filters, board: SnapshotBoard) throws {
        try filters.validate(Self.known)
        self.filters = filters
        before = try filters["before"].first.map { try board.find($0).record.created }
        since = try filters["since"].first.map { try board.find($0).record.created }
        codes = Set(
            try filters["exited"].map { text in
                guard let code = Int32(text) else {
                    throw BerthError.invalidArgument("invalid filter 'exited=\(text)'")
                }
                return code
            })
        let states: Set<String> = ["created", "running", "paused", "restarting", "removing", "exited", "dead"]
        for state in filters["status"] where !states.contains(state) {
            throw BerthError.invalidArgument("invalid filter 'status=\(state)'")
        }
    }

    /// Such filters list stopped containers too, without `--all`.
    var asksForStates: Bool { filters.contains("status") || filters.contains("exited") }

    func matches(_ snapshot: ContainerSnapshot) -> Bool {
        let record = snapshot.record
        return any("id") { record.id.hasPrefix($0) }
            && any("name") { matchesName(record.name, $0) }
            && filters.matchesLabels(record.config.labels)
            && any("status") { $0 == snapshot.phase.name }
            && (codes.isEmpty
                || (snapshot.phase.run == nil && record.lastRun.startedAt != 0
                    && codes.contains(record.lastRun.exitCode)))
            && any("ancestor") { matchesImage(record, $0) }
            && any("network") { wanted in
                record.endpoints.contains { $0.networkName == wanted || $0.networkID.hasPrefix(wanted) }
                    || record.hostConfig.networkMode == wanted
            }
            && any("volume") { wanted in
                record.mounts.contains { $0.name == wanted || $0.destination == wanted || $0.source == wanted }
            }
            && any("health") { $0 == (snapshot.health?.status ?? "none") }
            && any("publish") { wanted in record.publishedPorts.contains { port($0.hostPort, $0.transport, wanted) } }
            && any("expose") { wanted in
                (record.config.exposedPorts ?? []).contains { $0 == wanted || $0 == wanted + "/tcp" }
            }
            && (before.map { record.created < $0 } ?? true)
            && (since.map { record.created > $0 } ?? true)
    }

    /// One filter's values are alternatives.
    private func any(_ name: String, _ test: (String) -> Bool) -> Bool {
        !filters.contains(name) || filters[name].contains(where: test)
    }

    /// Docker takes a regular expression; anchors and plain text are what people write.
    private func matchesName(_ name: String, _ pattern: String) -> Bool {
        if let expression = try? Regex(pattern) {
            return name.firstMatch(of: expression) != nil || ("/" + name).firstMatch(of: expression) != nil
        }
        return name.contains(pattern)
    }

    private func matchesImage(_ record: ContainerRecord, _ wanted: String) -> Bool {
        let id = wanted.hasPrefix("sha256:") ? String(wanted.dropFirst(7)) : wanted
        if record.imageID.hex.hasPrefix(id), id.count >= 4 { return true }
        guard let reference = try? Reference(wanted), let own = try? Reference(record.imageName) else { return false }
        return reference == own
    }

    private func port(_ number: UInt16, _ transport: String, _ wanted: String) -> Bool {
        let parts = wanted.split(separator: "/")
        return parts.first.flatMap { UInt16($0) } == number && (parts.count < 2 || parts[1] == transport)
    }
}

extension Filters {
    /// `until` and `label` of the prune operations. Times: a Unix time or a duration back from now.
    func allowsPruning(labels: [String: String], created: Int64) throws -> Bool {
        guard matchesLabels(labels) else { return false }
        for unwanted in self["label!"] {
            var one = Filters()
            one.add("label", unwanted)
            if one.matchesLabels(labels) { return false }
        }
        guard let text = self["until"].first else { return true }
        guard let until = PruneTime.parse(text) else {
            throw BerthError.invalidArgument("invalid filter 'until=\(text)'")
        }
        return created < until
    }
}

/// The `until` of a prune.
enum PruneTime {
    /// Nanoseconds since 1970, from `1700000000`, `1700000000.5` or `24h30m`.
    static func parse(_ text: String) -> Int64? {
        if let seconds = Double(text) { return Int64(seconds * 1_000_000_000) }
        var total: Int64 = 0
        var digits = ""
        var rest = text[...]
        while let character = rest.popFirst() {
            if character.isNumber {
                digits.append(character)
                continue
            }
            var unit = String(character)
            while let next = rest.first, !next.isNumber {
                unit.append(next)
                rest.removeFirst()
            }
            guard let number = Int64(digits), let scale = scales[unit] else { return nil }
            total += number * scale
            digits = ""
        }
        guard digits.isEmpty, total > 0 else { return nil }
        return Clock.now() - total
    }

    private static let scales: [String: Int64] = [
        "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000, "d": 86_400_000_000_000,
    ]

}
