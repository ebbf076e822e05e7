import Client
import EngineAPI
import Testing

@testable import CLI

@Suite struct HumanTests {
    @Test(arguments: [
        (Int64(0), "0B"), (999, "999B"), (1000, "1kB"), (77_800_000, "77.8MB"), (1_234_567_890, "1.23GB"),
        (999_999, "1000kB"), (7_795_123, "7.8MB"),
    ])
    func sizes(_ bytes: Int64, _ text: String) { #expect(Human.size(bytes, digits: 3) == text) }

    @Test(arguments: [(Int64(0), "0B"), (1 << 20, "1MiB"), (2_087_000_000, "1.944GiB"), (1536, "1.5KiB")])
    func binarySizes(_ bytes: Int64, _ text: String) { #expect(Human.binarySize(bytes) == text) }

    private static let ages: [(seconds: Int64, text: String)] = [
        (0, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"),
        (119, "About a minute"), (120, "2 minutes"), (3599, "59 minutes"), (3600, "About an hour"),
        (7200, "2 hours"), (169_200, "47 hours"), (172_800, "2 days"), (1_123_200, "13 days"),
        (1_209_600, "2 weeks"), (5_184_000, "2 months"), (63_072_000, "2 years"),
    ]

    @Test(arguments: ages)
    func durations(_ age: (seconds: Int64, text: String)) {
        #expect(Human.duration(seconds: age.seconds) == age.text)
    }

    @Test func times() {
        #expect(Human.seconds(rfc3339: "1970-01-02T00:00:00Z") == 86400)
        #expect(Human.seconds(rfc3339: "1970-01-01T01:00:00.5+01:00") == 0)
        #expect(Human.seconds(rfc3339: "2024-02-29T12:00:00.123456789Z") == 1_709_208_000)
        #expect(Human.seconds(rfc3339: "soon") == nil)
    }

    @Test func fixedDecimals() {
        #expect(Decimal.fixed(0.005, places: 2) == "0.00" || Decimal.fixed(0.005, places: 2) == "0.01")
        #expect(Decimal.fixed(12.345, places: 1) == "12.3")
        #expect(Decimal.fixed(-1.5, places: 2) == "-1.50")
        #expect(Decimal.fixed(0, places: 0) == "0")
        #expect(Decimal.general(9.999, digits: 3) == "10")
    }
}

@Suite struct TableTests {
    @Test func columnsAreAtLeastTenWideWithThreeSpacesBetween() {
        let text = Table.render([["ID", "IMAGE", "NAMES"], ["4c01db0b339c", "alpine:latest", "web"], ["a", "", "x"]])
        #expect(
            text == """
                ID             IMAGE           NAMES
                4c01db0b339c   alpine:latest   web
                a                              x

                """)
        #expect(Table.render([["A", "B"]]) == "A         B\n")
    }

    @Test func psHasDockersColumns() throws {
        let container = ContainerSummary(
            id: String(repeating: "a1", count: 32), names: ["/web"], image: "nginx", command: "nginx -g 'daemon off;'",
            created: 1000, ports: [Port(ip: "0.0.0.0", privatePort: 80, publicPort: 8080, type: "tcp")],
            state: "running", status: "Up 2 minutes")
        let row = ContainerRow.row(container, truncated: true, now: 1120)
        let text = try ListFormat(nil, standard: ContainerRow.table).render([row], headings: ContainerRow.headings)
        #expect(
            text == """
                CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS         PORTS                  NAMES
                a1a1a1a1a1a1   nginx     "nginx -g 'daemon of…"   2 minutes ago   Up 2 minutes   0.0.0.0:8080->80/tcp   web

                """)
        let custom = try ListFormat("table {{.Names}}\\t{{.Label \"x\"}}", standard: "")
        #expect(try custom.render([row], headings: ContainerRow.headings) == "NAMES     x\nweb       \n")
        #expect(
            try ListFormat("{{.ID}}:{{.State}}", standard: "").render([row], headings: .null)
                == "a1a1a1a1a1a1:running\n")
        #expect(
            try ListFormat("json", standard: "").render([row], headings: .null).hasPrefix("{\"Command\":\"\\\"nginx"))
    }

    @Test func portsAreDrawnTogether() {
        func port(_ number: UInt16, _ published: UInt16?, _ ip: String = "0.0.0.0", _ type: String = "tcp") -> Port {
            Port(ip: published == nil ? "" : ip, privatePort: number, publicPort: published, type: type)
        }
        #expect(PortList.text([port(80, 8080), port(80, 8080, "::")]) == "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp")
        #expect(
            PortList.text([port(7002, 7002), port(7000, 7000), port(7001, 7001)]) == "0.0.0.0:7000-7002->7000-7002/tcp")
        #expect(PortList.text([port(443, nil), port(80, nil)]) == "80/tcp, 443/tcp")
        #expect(PortList.text([port(80, 1), port(53, nil, "", "udp")]) == "0.0.0.0:1->80/tcp, 53/udp")
    }

    @Test func imagesHaveARowForEachName() {
        let image = ImageSummary(
            id: "sha256:" + String(repeating: "b", count: 64), repoTags: ["a:1", "localhost:5000/b:2"], created: 0,
            size: 5_000_000)
        let rows = ImageRow.rows(image, digests: false, truncated: true, now: 60)
        #expect(rows.map { $0.field("Repository")?.text } == ["a", "localhost:5000/b"])
        #expect(rows.map { $0.field("Tag")?.text } == ["1", "2"])
        let untagged = ImageRow.rows(ImageSummary(id: "sha256:c"), digests: false, truncated: true, now: 0)
        #expect(untagged.map { $0.field("Repository")?.text } == ["<none>"])
    }
}

@Suite struct StatsTests {
    @Test func cpuShareIsOfAllCPUs() {
        var stats = ContainerStats()
        stats.precpuStats.cpuUsage.totalUsage = 1_000
        stats.cpuStats.cpuUsage.totalUsage = 3_000
        stats.precpuStats.systemCpuUsage = 10_000
        stats.cpuStats.systemCpuUsage = 14_000
        stats.cpuStats.onlineCpus = 4
        #expect(StatsRow.cpuPercent(stats) == 200)
        stats.cpuStats.cpuUsage.totalUsage = 1_000
        #expect(StatsRow.cpuPercent(stats) == 0)
    }

    @Test func cacheIsNotMemoryInUse() {
        #expect(StatsRow.usedMemory(MemoryStats(usage: 100, stats: ["inactive_file": 40], limit: 1)) == 60)
        #expect(StatsRow.usedMemory(MemoryStats(usage: 100, stats: ["total_inactive_file": 30], limit: 1)) == 70)
        #expect(StatsRow.usedMemory(MemoryStats(usage: 100, stats: ["inactive_file": 400], limit: 1)) == 100)
    }
}

@Suite struct DetachTests {
    @Test func keysSpreadOverReadsAreFound() throws {
        var filter = DetachFilter(.standard)
        #expect(filter.pass([97, 16]) == ([97], false))
        #expect(filter.pass([98]) == ([16, 98], false))
        #expect(filter.pass([16]) == ([], false))
        #expect(filter.pass([17, 99]) == ([], true))
    }

    @Test func keysAreParsed() throws {
        #expect(try DetachKeys(parsing: "ctrl-p,ctrl-q") == .standard)
        #expect(try DetachKeys(parsing: "a,ctrl-@").bytes == [97, 0])
        #expect(throws: (any Error).self) { try DetachKeys(parsing: "ctrl-1x") }
    }
}

@Suite struct BuildDisplayTests {
    private func plain(_ events: [BuildStepEvent]) -> String {
        let collected = Collected()
        let display = PlainBuildDisplay { collected.append($0) }
        for event in events { display.show(event, of: nil) }
        return collected.text
    }

    @Test func plainLinesNumberSteps() {
        let text = plain([
            BuildStepEvent(event: .start, step: 1, total: 2, name: "FROM debian"),
            BuildStepEvent(event: .cached, step: 1, total: 2),
            BuildStepEvent(event: .start, step: 2, total: 2, name: "RUN make"),
            BuildStepEvent(event: .log, step: 2, text: "one\ntw", seconds: 0.213),
            BuildStepEvent(event: .log, step: 2, text: "o\n", seconds: 0.5),
            BuildStepEvent(event: .done, step: 2, seconds: 1.24),
        ])
        #expect(
            text == """
                #1 [1/2] FROM debian
                #1 CACHED

                #2 [2/2] RUN make
                #2 0.213 one
                #2 0.500 two
                #2 DONE 1.2s


                """)
    }

    @Test func warningsOfTheBuilderAreShownBesideItsEvents() throws {
        let collected = Collected()
        var reader = BuildMessageReader(display: PlainBuildDisplay { collected.append($0) }, name: nil)
        try reader.take(ProgressMessage(stream: "[Warning] line 2: RunCd\n"))
        try reader.take(
            ProgressMessage(aux: ProgressAux(berth: BuildStepEvent(event: .start, step: 1, total: 1, name: "FROM a"))))
        try reader.take(ProgressMessage(stream: "Step 1/1 : FROM a\n"))
        try reader.take(ProgressMessage(stream: "[Warning] line 3: RunCd\n"))
        #expect(
            collected.text == """
                [Warning] line 2: RunCd
                #1 [1/1] FROM a
                [Warning] line 3: RunCd

                """)
    }

    @Test func liveLinesCollapse() {
        var state = LiveBuildState(width: { 40 })
        state.apply(BuildStepEvent(event: .start, step: 1, total: 2, name: "RUN make"), of: nil)
        state.apply(BuildStepEvent(event: .log, step: 1, text: "10%\r20%\r\u{1B}[31mred\u{1B}[0m\n"), of: nil)
        let running = state.redraw(now: .now)
        #expect(running.contains("[1/2] RUN make"))
        #expect(running.contains("red\u{1B}[0m\n"))
        #expect(!running.contains("10%"))
        state.apply(BuildStepEvent(event: .done, step: 1, seconds: 2.5), of: nil)
        let done = state.redraw(now: .now)
        #expect(done.contains("\u{1B}[3A"))
        #expect(done.contains("✔") && done.contains("2.5s") && !done.contains("red"))
        state.apply(BuildStepEvent(event: .start, step: 2, total: 2, name: "COPY . ."), of: nil)
        state.apply(BuildStepEvent(event: .cached, step: 2), of: nil)
        #expect(state.redraw(now: .now).contains("CACHED"))
    }

    @Test func widthOfWideCharacters() {
        #expect(DisplayWidth.of("编译ab") == 6)
        #expect(DisplayWidth.cut("编译ab", 5) == "编译…")
    }

    @Test func archivesAreToldFromDockerfiles() {
        #expect(StandardInputContext.isArchive([0x1F, 0x8B, 8]))
        #expect(!StandardInputContext.isArchive(Array("FROM scratch\n".utf8)))
        var tar = [UInt8](repeating: 0, count: 512)
        tar.replaceSubrange(257..<262, with: "ustar".utf8)
        #expect(StandardInputContext.isArchive(tar))
    }
}

private final class Collected: @unchecked Sendable {
    // Used by one thread: the display calls back on the caller's.
    private(set) var text = ""
    func append(_ more: String) { text += more }
}

@Suite struct BootstrapTests {
    private let plan = BootstrapPlan(
        suite: "bookworm", mirror: "http://m/debian", include: ["python3,tini", "ca-certificates"], variant: "minbase",
        architecture: nil, components: [], customize: ["ln -s python3 /usr/bin/python; echo 'done'"])

    @Test func mmdebstrapRunsHooksInTheRoot() {
        let steps = plan.steps(with: .mmdebstrap("/usr/bin/mmdebstrap"), root: "/r", archive: "/a.tar")
        #expect(steps.count == 1)
        #expect(
            steps[0].command == [
                "/usr/bin/mmdebstrap", "--variant=minbase", "--format=tar", "--include=python3,tini,ca-certificates",
                "--customize-hook=chroot \"$1\" sh -c 'ln -s python3 /usr/bin/python; echo '\\''done'\\'''", "bookworm",
                "/a.tar", "http://m/debian",
            ])
    }

    @Test func debootstrapIsFollowedByAChrootAndATar() {
        let steps = plan.steps(
            with: .debootstrap("/usr/sbin/debootstrap", tar: "/bin/tar", chroot: "/sbin/chroot"), root: "/r",
            archive: "/a.tar")
        #expect(steps.map { $0.command[0] } == ["/usr/sbin/debootstrap", "/sbin/chroot", "/sbin/chroot", "/bin/tar"])
        #expect(steps[0].command.suffix(3) == ["bookworm", "/r", "http://m/debian"])
    }
}

@Suite struct ComposeOutputTests {
    @Test func healthAndExitCodesAreReadOutOfTheStatus() {
        #expect(ComposeRow.health("Up 2 minutes (healthy)") == "healthy")
        #expect(ComposeRow.health("Up 3 seconds (unhealthy)") == "unhealthy")
        #expect(ComposeRow.health("Up 3 seconds (health: starting)") == "starting")
        #expect(ComposeRow.health("Up 3 seconds") == "")
        #expect(ComposeRow.exitCode("Exited (137) 2 minutes ago") == 137)
        #expect(ComposeRow.exitCode("Up 2 minutes") == 0)
    }

    @Test func scalesAreParsed() throws {
        #expect(try ScaleSpec.parse(["web=3", "db=0"]) == ["web": 3, "db": 0])
        #expect(throws: (any Error).self) { try ScaleSpec.parse(["web"]) }
    }

    @Test func theBoardShowsEachThingOnce() {
        var board = ComposeBoard()
        board.set(.init(.container, "a-web-1"), .creating)
        #expect(board.isBusy)
        board.set(.init(.container, "a-web-1"), .created)
        let text = board.redraw(now: .now)
        #expect(text.contains("[+] Running 1/1"))
        #expect(text.contains("Container a-web-1") && text.contains("Created") && !text.contains("Creating"))
        #expect(board.erase() == "\u{1B}[2A\r\u{1B}[J")
        #expect(board.erase() == "")
    }

    @Test func theBoardShowsHowFarLayersAre() {
        var board = ComposeBoard()
        func move(_ id: String, _ status: String, _ current: Int64 = 0, _ total: Int64 = 0) {
            board.transfer(
                "web",
                ProgressMessage(
                    status: status, progressDetail: ProgressDetail(current: current, total: total), id: id))
        }
        board.set(.init(.service, "web"), .pulling)
        move("aaa", "Pulling fs layer")
        move("aaa", "Downloading", 500_000, 1_000_000)
        move("bbb", "Downloading", 0, 3_000_000)
        #expect(board.redraw(now: .now).contains("Pulling [⣤⠀] 500kB/4MB"))
        move("aaa", "Download complete")
        move("bbb", "Downloading", 3_000_000, 3_000_000)
        move("aaa", "Extracting", 1, 1_000_000)
        #expect(board.redraw(now: .now).contains("Extracting"))
        #expect(board.redraw(now: .now).contains("[+] Pulling 0/1"))
        board.set(.init(.service, "web"), .pulled)
        let text = board.redraw(now: .now)
        #expect(text.contains("[+] Pulling 1/1") && text.contains("Pulled") && !text.contains("MB"))
        #expect(ComposeBoard.fill(9, of: 8) == "⣿" && ComposeBoard.fill(-1, of: 8) == "⠀")
    }

    @Test func wordsOfInstructionsAreQuotedOnlyWhereNeeded() {
        #expect(BootstrapCommand.word("/usr/bin:/bin") == "/usr/bin:/bin")
        #expect(BootstrapCommand.word("two words") == "\"two words\"")
        #expect(BootstrapCommand.word("") == "\"\"")
    }

    @Test func linesOverwrittenByCarriageReturnsKeepTheirLastState() {
        #expect(LogLines.split("a\r\nb\rc\nrest") == (["a", "c"], "rest") as (lines: [String], rest: String))
        #expect(LogLines.plain("\u{1B}[31mred\u{1B}[0m\tx") == "red    x")
    }

    @Test func timesAreParsed() throws {
        #expect(try TimeSpec.parse("1700000000.5") == "1700000000.5")
        #expect(try TimeSpec.parse("1970-01-02") == "86400")
        #expect(try TimeSpec.parse("1970-01-01T00:01:00.25Z") == "60.25")
        #expect(throws: (any Error).self) { try TimeSpec.parse("yesterday") }
    }
}
