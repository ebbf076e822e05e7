import EngineAPI
import Errors
import FoundationEssentials
import Linux
import Networking
import OCI
import Testing

@testable import Engine

struct LogDriverTests {
    private let configuration = EngineConfiguration(
        dataRoot: "/d", executionRoot: "/r", shimPath: "/s", bridge: "b", bridgeAddress: nil, addressPools: .standard,
        cgroupParent: "/c", version: "1")

    private func driver(_ type: String, _ options: [String: String] = [:]) throws -> LogDriver {
        try LogDriver(LogConfig(type: type, config: options), defaults: configuration)
    }

    private var record: ContainerRecord {
        ContainerRecord(
            id: String(repeating: "ab", count: 32), name: "web", created: 0,
            imageID: Digest(sha256: [UInt8](repeating: 1, count: 32)), imageName: "nginx:1", layers: [],
            workspace: .init(root: "", upper: "", work: ""),
            config: ContainerConfig(env: ["STAGE=prod", "SECRET=x"], labels: ["team": "blue", "app.x": "1"]),
            hostConfig: HostConfig(), mounts: [], anonymousVolumes: [], endpoints: [], platform: .host,
            handsCABundle: false)
    }

    @Test func sizesAndFilesOfJSONFile() throws {
        let unbounded = try #require(try driver("json-file").log(for: record, directory: "/c"))
        #expect(unbounded.maximumSize == 10_000_000 && unbounded.maximumFiles == 5 && !unbounded.isCompressed)
        #expect(unbounded.path == "/c/\(record.id)-json.log")
        let sized = try #require(try driver("json-file", ["max-size": "2k"]).log(for: record, directory: "/c"))
        #expect(sized.maximumSize == 2000 && sized.maximumFiles == 1)
        let both = try #require(
            try driver("json-file", ["max-size": "1.5M", "max-file": "3", "compress": "true"]).log(
                for: record, directory: "/c"))
        #expect(both.maximumSize == 1_500_000 && both.maximumFiles == 3 && both.isCompressed)
        #expect(try driver("json-file", ["max-size": "-1"]).log(for: record, directory: "/c")?.maximumSize == 0)
    }

    @Test func localCompressesAndServicesKeepACopy() throws {
        #expect(try driver("local").log(for: record, directory: "/c")?.isCompressed == true)
        let journal = try #require(try driver("journald").log(for: record, directory: "/c"))
        #expect(journal.path == "/c/cached-logs/container-cached.log")
        #expect(journal.forward?.fields.contains("CONTAINER_NAME=web") == true)
        #expect(try driver("journald", ["cache-disabled": "true"]).log(for: record, directory: "/c")?.path == "")
        #expect(try driver("none").log(for: record, directory: "/c") == nil)
        #expect(try !driver("none").isReadable)
    }

    @Test func attributesAreChosen() throws {
        let options = ["labels": "team,nope", "labels-regex": "^app", "env": "STAGE", "tag": "{{ .Name }}-{{.ID}}"]
        #expect(
            try driver("json-file", options).attributes(of: record)
                == ["team": "blue", "app.x": "1", "STAGE": "prod", "tag": "web-abababababab"])
        #expect(
            try driver("journald", ["labels": "app.x"]).log(for: record, directory: "")?.forward?.fields.last
                == "APP_X=1")
    }

    @Test(
        arguments: [
            ("fluentd", [:], "no log driver named 'fluentd'"),
            ("json-file", ["max-sise": "1"], "unknown log opt 'max-sise' for json-file log driver"),
            ("json-file", ["max-file": "x"], "invalid value for \"max-file\""),
            ("json-file", ["max-size": "1", "compress": "true"], "compress cannot be true"),
            ("json-file", ["labels-regex": "("], "labels-regex"),
            ("json-file", ["tag": "{{.Nope}}"], "failed to parse the log tag"),
            ("json-file", ["mode": "fast"], "logging mode not supported: fast"),
            ("syslog", ["syslog-address": "nowhere"], "proto://address"),
            ("syslog", ["syslog-address": "tcp+tls://h:1"], "TLS"),
            ("syslog", ["syslog-address": "udp://h:port"], "invalid port"),
            ("syslog", ["syslog-format": "plain"], "Invalid syslog format"),
        ] as [(String, [String: String], String)])
    func mistakesAreNamed(_ type: String, _ options: [String: String], _ text: String) {
        #expect {
            _ = try driver(type, options)
        } throws: { error in
            (error as? BerthError)?.code == .invalidArgument && (error as? BerthError)?.message.contains(text) == true
        }
    }

    @Test func compressedFilesAreReadAsWhatTheyWere() async throws {
        let directory = try ScratchDirectory()
        let path = directory.path + "/x.log"
        func lines(_ range: ClosedRange<Int>) -> String {
            range.map { #"{"log":"\#($0)\n","stream":"stdout","time":"2026-01-01T00:00:00.\#(100 + $0)Z"}"# + "\n" }
                .joined()
        }
        try Files.write(path + ".2", lines(1...3))
        try Files.write(path + ".1", lines(4...6))
        try Files.write(path, lines(7...9))
        let files = LogFiles(path: path)
        let before = try files.open()
        try LogCompression.compressOlder(than: path, files: 5)
        #expect(
            try FileDescriptor.openDirectory(directory.path).entries().sorted() == [
                "x.log", "x.log.1.gz", "x.log.2.gz",
            ])
        // A reader that had a file open before finds the newer ones only.
        #expect(try files.open(newerThan: before[1]).count == 1)
        #expect(try files.open(newerThan: before[0]).isEmpty)
        let sink = CollectingSink()
        let reader = LogReader(path: path, tty: true, watcher: try DirectoryWatcher())
        try await reader.write(LogsOptions(stdout: true, tail: "5"), to: sink) {}
        #expect(sink.text == "5\n6\n7\n8\n9\n")
    }

    @Test func recordsWithAttributes() {
        var parser = LogRecordParser()
        let line = Array(
            #"{"log":"a\n","stream":"stderr","attrs":{"time":"x\",\"time\":\"y","b":"}"},"time":"2026-01-02T03:04:05Z"}"#
                .utf8)
        #expect(line.withUnsafeBufferPointer { parser.parse($0) })
        #expect(parser.stream == .error && parser.text == Array("a\n".utf8))
        #expect(parser.time == Array("2026-01-02T03:04:05Z".utf8))
    }
}
