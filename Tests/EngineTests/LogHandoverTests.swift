import EngineAPI
import Errors
import Linux
import OCI
import Testing

@testable import Engine

struct LogHandoverTests {
    private let scratch: ScratchDirectory
    private let configuration: EngineConfiguration

    init() throws {
        scratch = try ScratchDirectory()
        configuration = EngineConfiguration(
            dataRoot: scratch.path, executionRoot: scratch.path, shimPath: "/s", bridge: "b", bridgeAddress: nil,
            addressPools: .standard, cgroupParent: "/c", version: "1")
        for id in ["old", "new"] { try Files.makeDirectories(configuration.directory(of: id)) }
    }

    private func record(_ id: String, files: Int = 4) -> ContainerRecord {
        ContainerRecord(
            id: id, name: id, created: 0, imageID: Digest(sha256: [UInt8](repeating: 1, count: 32)), imageName: "x",
            layers: [], workspace: .init(root: "", upper: "", work: ""),
            config: ContainerConfig(labels: ["com.docker.compose.project": "p", "com.docker.compose.service": "a"]),
            hostConfig: HostConfig(
                logConfig: LogConfig(type: "json-file", config: ["max-size": "10", "max-file": "\(files)"])),
            mounts: [], anonymousVolumes: [], endpoints: [], platform: .host, handsCABundle: false)
    }

    private func file(_ id: String, _ suffix: String = "") -> String {
        "\(configuration.directory(of: id))/\(id)-json.log\(suffix)"
    }

    private func texts(of id: String) throws -> [String: String] {
        let names = try FileDescriptor.openDirectory(configuration.directory(of: id)).entries()
        return Dictionary(
            uniqueKeysWithValues: try names.filter { $0.contains(".log") }.map {
                (
                    String($0.split(separator: "-", maxSplits: 1)[1]),
                    try Files.readText("\(configuration.directory(of: id))/\($0)")
                )
            })
    }

    /// What a daemon that was killed at each step leaves, and the next one makes of it.
    @Test(arguments: 0...3)
    func isFinishedAfterAnyStep(_ moved: Int) throws {
        let suffixes = [".2", ".1", ""]
        for suffix in suffixes { try Files.write(file("old", suffix), "text\(suffix)") }
        let handover = try #require(LogHandover(of: record("old"), to: record("new"), configuration))
        try handover.announce()
        for suffix in suffixes.prefix(moved) { try Files.rename(file("old", suffix), to: file("new", suffix)) }
        for _ in 1...2 { try LogHandover.resume(of: "old", among: [record("new")], configuration) }
        #expect(try texts(of: "new") == ["json.log": "text", "json.log.1": "text.1", "json.log.2": "text.2"])
    }

    @Test func nothingIsResumedThatWasNotAnnounced() throws {
        try Files.write(file("old"), "text")
        try LogHandover.resume(of: "old", among: [record("new")], configuration)
        #expect(try texts(of: "new").isEmpty)
        try #require(LogHandover(of: record("old"), to: record("new"), configuration)).announce()
        try LogHandover.resume(of: "old", among: [], configuration)
        #expect(try texts(of: "new").isEmpty)
        try LogHandover.resume(of: "old", among: [record("new")], configuration)
        #expect(try texts(of: "new") == ["json.log": "text"])
    }

    @Test func theOldestAreLeftOut() throws {
        for suffix in [".3", ".2", ".1", ""] { try Files.write(file("old", suffix), "text\(suffix)") }
        try #require(LogHandover(of: record("old"), to: record("new", files: 2), configuration)).carryOut()
        #expect(try texts(of: "new") == ["json.log": "text", "json.log.1": "text.1"])
    }

    @Test func aLogThatBeganMeanwhileIsLeftAlone() throws {
        try Files.write(file("old"), "text")
        let handover = try #require(LogHandover(of: record("old"), to: record("new"), configuration))
        try Files.write(file("new"), "own")
        try handover.carryOut()
        #expect(try texts(of: "new") == ["json.log": "own"])
        #expect(LogHandover(of: record("old"), to: record("new"), configuration) == nil)
    }

    /// A slow reader of the old log does not take its successor's lines for its own.
    @Test func aReaderEndsWhereTheLogWasHandedOn() async throws {
        let line = { (second: Int) in
            #"{"log":"\#(second)\n","stream":"stdout","time":"2026-01-01T00:00:0\#(second)Z"}"# + "\n"
        }
        try Files.write(file("old"), line(1) + line(2) + line(3))
        var reader = LogReader(path: file("old"), tty: true, watcher: try DirectoryWatcher())
        let end = LogEnd()
        reader.end = end
        let before = CollectingSink()
        try await reader.write(LogsOptions(stdout: true), to: before) {}
        #expect(before.text == "1\n2\n3\n")
        end.set(try #require(LogTime.nanoseconds(Array("2026-01-01T00:00:02.5Z".utf8))))
        let after = CollectingSink()
        try await reader.write(LogsOptions(stdout: true), to: after) {}
        #expect(after.text == "1\n2\n")
    }
}
