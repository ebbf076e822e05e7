import EngineAPI
import Linux
import Testing

@testable import Engine

struct EventJournalTests {
    private let directory: ScratchDirectory

    init() throws { directory = try ScratchDirectory() }

    private func message(_ number: Int64) -> EventMessage {
        EventMessage(type: "container", action: "number-\(number)", scope: "local", time: 0, timeNano: number)
    }

    private func journal(_ bounds: EventJournal.Bounds = .init()) throws -> EventJournal {
        try EventJournal(directory: directory.path, bounds: bounds)
    }

    private func read(_ journal: EventJournal, since: Int64 = 0, until: Int64? = nil) async throws -> [Int64] {
        let segments = await withCheckedContinuation { continuation in
            journal.whenWritten { continuation.resume(returning: $0) }
        }
        var times: [Int64] = []
        try await EventJournal.read(segments, since: since, until: until) { times += $0.map(\.timeNano) }
        return times
    }

    private func files() throws -> [String] { try FileDescriptor.openDirectory(directory.path).entries().sorted() }

    @Test func keepsWhatWasWrittenAcrossOpenings() async throws {
        let first = try journal()
        for number in 1...5 { first.append(message(Int64(number))) }
        first.flush()
        let second = try journal()
        second.append(message(6))
        #expect(try await read(second) == [1, 2, 3, 4, 5, 6])
        #expect(try await read(second, since: 2, until: 4) == [2, 3, 4])
        #expect(try files() == ["1.jsonl"])
    }

    @Test func historyEndsWhereItWasAskedFor() async throws {
        let journal = try journal()
        journal.append(message(1))
        async let asked = read(journal)
        let times = try await asked
        journal.append(message(2))
        #expect(times == [1])
    }

    @Test func dropsWhatIsTooMuchOrTooOld() async throws {
        var bounds = EventJournal.Bounds()
        bounds.fileSize = 300
        bounds.files = 3
        let small = try journal(bounds)
        for number in 1...50 { small.append(message(Int64(number))) }
        let times = try await read(small)
        #expect(try files().count == 3)
        #expect(times.last == 50)
        #expect(times == Array((times.first ?? 0)...50))
        #expect(times.count < 20)

        bounds.files = 100
        bounds.age = 10
        let aged = try journal(bounds)
        for number in 1000...1030 { aged.append(message(Int64(number))) }
        #expect(try await read(aged).allSatisfy { $0 >= 1000 })
    }

    @Test func aTornLineIsCutOff() async throws {
        let first = try journal()
        first.append(message(1))
        first.flush()
        let file = try FileDescriptor.open(directory.path + "/1.jsonl", 1 | 0o2000)
        try file.writeAll(#"{"Type":"container","timeNa"#)
        let second = try journal()
        second.append(message(2))
        #expect(try await read(second) == [1, 2])
    }

    @Test(
        arguments: [
            (["type": ["container"]], true), (["type": ["image"]], false), (["event": ["exec_create"]], true),
            (["event": ["exec_create: sh"]], true), (["event": ["exec"]], false), (["container": ["web"]], true),
            (["container": ["abc"]], true), (["container": ["bc"]], false), (["network": ["web"]], false),
            (["image": ["nginx"]], true), (["image": ["nginx:1"]], true), (["image": ["ngin"]], false),
            (["label": ["a=b"]], true), (["label": ["a=c"]], false), (["scope": ["swarm"]], false),
            (["service": ["x"]], false), (["container": ["nope", "web-1"], "event": ["exec_create"]], true),
        ] as [([String: [String]], Bool)])
    func filters(_ wanted: [String: [String]], _ matches: Bool) {
        var filters = Filters()
        for (name, values) in wanted { for value in values { filters.add(name, value) } }
        let event = EventMessage(
            type: "container", action: "exec_create: sh",
            actor: EventActor(id: "abcdef", attributes: ["name": "web-1", "image": "nginx:1", "a": "b"]),
            scope: "local")
        #expect(EventFilter(filters).matches(event) == matches)
    }
}
