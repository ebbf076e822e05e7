import EngineAPI
import Testing

@testable import CLI

@Suite struct ProgressTests {
    private func layer(_ id: String, _ status: String, _ current: Int64 = 0, of total: Int64 = 0) -> ProgressMessage {
        ProgressMessage(
            status: status, progressDetail: total > 0 ? ProgressDetail(current: current, total: total) : nil, id: id)
    }

    /// Applies messages with a redraw behind each.
    private func show(_ messages: [ProgressMessage], on terminal: inout FakeTerminal, _ board: inout ProgressBoard) {
        for message in messages {
            terminal.write(board.apply(message))
            terminal.write(board.redraw())
        }
    }

    private func board(width: Int = 80, height: Int = 24) -> ProgressBoard {
        ProgressBoard(width: { width }, height: { height })
    }

    @Test func layersKeepTheirLines() {
        var terminal = FakeTerminal(width: 80)
        var board = board()
        show(
            [
                ProgressMessage(status: "Pulling from library/nginx", id: "latest"),
                layer("aaa", "Pulling fs layer"), layer("bbb", "Pulling fs layer"),
                layer("bbb", "Downloading", 5_000_000, of: 10_000_000),
                layer("aaa", "Downloading", 1_000_000, of: 4_000_000),
                layer("bbb", "Pull complete"), layer("aaa", "Pull complete"),
                ProgressMessage(status: "Digest: sha256:1"), ProgressMessage(status: "Status: done"),
            ], on: &terminal, &board)
        #expect(
            terminal.text == [
                "latest: Pulling from library/nginx", "aaa: Pull complete", "bbb: Pull complete", "Digest: sha256:1",
                "Status: done",
            ])
        #expect(terminal.faults == [])
    }

    @Test func barsShowHowFarALayerIs() {
        var terminal = FakeTerminal(width: 60)
        var board = board(width: 60)
        show([layer("aaa", "Downloading", 5_000_000, of: 10_000_000)], on: &terminal, &board)
        #expect(terminal.text == ["aaa: Downloading  [============>            ]  5MB/10MB"])
        show([layer("aaa", "Downloading", 10_000_000, of: 10_000_000)], on: &terminal, &board)
        #expect(terminal.text == ["aaa: Downloading  [=========================]  10MB/10MB"])
        #expect(terminal.faults == [])
    }

    @Test func onlyWhatChangedIsWritten() {
        var terminal = FakeTerminal(width: 80)
        var board = board()
        show((0..<10).map { layer("layer\($0)", "Waiting") }, on: &terminal, &board)
        let before = terminal.written
        show([layer("layer3", "Verifying")], on: &terminal, &board)
        #expect(terminal.written - before == "layer3: Verifying".count)
        #expect(board.redraw() == "")
        #expect(terminal.text[3] == "layer3: Verifying" && terminal.text.count == 10)
    }

    @Test(arguments: [10, 20, 33, 41, 80, 200])
    func noLineIsWiderThanTheTerminal(_ width: Int) {
        var terminal = FakeTerminal(width: width)
        var board = board(width: width)
        board.transfer = .init(label: "正在加载一个名字很长的镜像文件.tar", bytes: SizeCounter(), total: 1_000_000_000)
        board.transfer?.bytes.add(123_456_789)
        show(
            [
                layer("镜像层镜像层镜像层", "正在下载", 5_000_000, of: 10_000_000),
                layer("bbbbbbbbbbbb", "Downloading a very long status text", 123_456_789, of: 987_654_321),
            ], on: &terminal, &board)
        #expect(terminal.faults == [])
        #expect(terminal.text.count == 3)
    }

    @Test func moreLayersThanLinesAreCounted() {
        var terminal = FakeTerminal(width: 80, height: 10)
        var board = board(height: 10)
        show((0..<40).map { layer("layer\($0)", "Downloading", 1, of: 100) }, on: &terminal, &board)
        #expect(terminal.text.count == 8 && terminal.text.last == "0 of 40 done, 33 more")
        show((0..<40).map { layer("layer\($0)", "Pull complete") }, on: &terminal, &board)
        #expect(terminal.text.count == 8)
        #expect(terminal.faults == [])
    }

    @Test func aTransferLeavesNoTrace() {
        var terminal = FakeTerminal(width: 80)
        var board = board()
        let bytes = SizeCounter()
        board.transfer = .init(label: "Loading x.tar", bytes: bytes, total: 2000)
        bytes.add(1000)
        terminal.write(board.redraw())
        #expect(terminal.text.count == 1 && terminal.text[0].hasPrefix("Loading x.tar  [====="))
        #expect(terminal.text[0].hasSuffix("1kB/2kB"))
        show([ProgressMessage(stream: "Loaded image: x:1\n")], on: &terminal, &board)
        terminal.write(board.finish())
        #expect(terminal.text == ["Loaded image: x:1"])
        #expect(terminal.faults == [])
    }

    @Test func aPipeGetsEachStatusOnce() {
        var told: [String: String] = [:]
        let messages = [
            layer("aaa", "Pulling fs layer"), layer("aaa", "Downloading", 1, of: 10),
            layer("aaa", "Downloading", 9, of: 10),
            layer("aaa", "Download complete"), layer("aaa", "Download complete"), layer("aaa", "Pull complete"),
            ProgressMessage(status: "Status: Downloaded newer image for nginx:latest"),
        ]
        #expect(
            messages.map { ProgressDisplay.line($0, &told) }.joined() == """
                aaa: Pulling fs layer
                aaa: Download complete
                aaa: Pull complete
                Status: Downloaded newer image for nginx:latest

                """)
    }

    @Test func barsGiveWayToTheirNumbers() {
        #expect(ProgressBar.text(current: 1000, total: 2000, room: 40) == "[============>            ]  1kB/2kB")
        #expect(ProgressBar.text(current: 1000, total: 2000, room: 12) == "1kB/2kB")
        #expect(ProgressBar.text(current: 1000, total: 2000, room: 5) == "")
        #expect(ProgressBar.text(current: 1000, total: 0, room: 40) == "1kB")
        #expect(ProgressBar.text(current: 0, total: 0, room: 40) == "")
        #expect(
            ProgressBar.text(current: 3000, total: 2000, room: 40).hasPrefix("[\(String(repeating: "=", count: 25))]"))
    }

    @Test func layersOfABuildsBaseImageGoWhenTheyAreThere() {
        var state = LiveBuildState(width: { 60 })
        var terminal = FakeTerminal(width: 60)
        state.apply(BuildStepEvent(event: .start, step: 1, total: 2, name: "FROM debian"), of: nil)
        state.pulls.apply(layer("aaa", "Downloading", 5_000_000, of: 10_000_000))
        state.pulls.apply(layer("bbb", "Already exists"))
        terminal.write(state.redraw(now: .now))
        #expect(terminal.text.count == 3)
        #expect(terminal.text[1].hasPrefix("    aaa: Downloading  [=====") && terminal.text[1].hasSuffix("5MB/10MB"))
        state.pulls.apply(layer("aaa", "Pull complete"))
        terminal.write(state.redraw(now: .now))
        #expect(terminal.text.count == 2)
        #expect(terminal.faults == [])
    }
}
