import Client
import Compose
import EngineAPI
import Synchronization

/// Shows what Compose does: things and their states on stderr, redrawn in place on a terminal; lines
/// of containers on stdout, each behind its container's name.
final class ComposeConsole: Sendable {
    enum Style: Sendable {
        case live, plain, quiet
    }

    private let style: Style
    private let logs: LogPrinter
    private let board: Mutex<ComposeBoard>
    private let ticker = Mutex<Task<Void, Never>?>(nil)
    let buildDisplay: any BuildDisplay

    init(style: Style, projectName: String, prefixWidth: Int, prefixes: Bool, colors: Bool) {
        self.style = style
        logs = LogPrinter(projectName: projectName, width: prefixWidth, prefixes: prefixes, colors: colors)
        board = Mutex(ComposeBoard())
        buildDisplay =
            switch style {
            case .live: LiveBuildDisplay()
            case .plain: PlainBuildDisplay { Console.write(Array($0.utf8), to: Console.error) }
            case .quiet: SilentBuildDisplay()
            }
    }

    deinit { ticker.withLock { $0?.cancel() } }

    func show(_ event: ComposeEvent) {
        switch event {
        case .progress(let resource, let activity): show(resource, activity)
        case .transfer(let service, _, let message):
            guard style == .live else { return }
            board.withLock { $0.transfer(service, message) }
        case .log(let line): printAbove { logs.print(line) }
        case .exited(let container, _, let code): printAbove { logs.printExit(of: container, code: code) }
        case .warning(let text):
            printAbove { Console.note(style == .live ? "\u{1B}[33m!\u{1B}[0m \(text)" : "WARN: \(text)") }
        }
    }

    /// Prints lines that stay, above what is still redrawn.
    private func printAbove(_ print: () -> Void) {
        guard style == .live else { return print() }
        board.withLock { board in
            if board.isBusy {
                draw(board.erase())
                print()
                draw(board.redraw(now: .now))
            } else {
                board.settle()
                print()
            }
        }
    }

    private func show(_ resource: ComposeResource, _ activity: ComposeActivity) {
        switch style {
        case .quiet: break
        case .plain: Console.note(" \(resource.kind.rawValue) \(resource.name)  \(activity.text)")
        case .live:
            // The builder's own display shows builds.
            if resource.kind == .image, activity == .building || activity == .built {
                if activity == .building { settle() }
                return
            }
            board.withLock { board in
                board.set(resource, activity)
                draw(board.redraw(now: .now))
            }
            startTicking()
        }
    }

    /// What is shown stays as it is; what comes now comes below it.
    func settle() {
        guard style == .live else { return }
        board.withLock { board in
            draw(board.redraw(now: .now))
            board.settle()
        }
    }

    private func draw(_ text: String) {
        if !text.isEmpty { Console.write(Array(text.utf8), to: Console.error) }
    }

    /// Redraws for the sake of the clock while something goes on.
    private func startTicking() {
        ticker.withLock { ticker in
            guard ticker == nil else { return }
            ticker = Task { [weak self] in
                while !Task.isCancelled {
                    try? await Task.sleep(for: .milliseconds(100))
                    guard let self else { return }
                    self.board.withLock { board in
                        if board.isBusy { self.draw(board.redraw(now: .now)) }
                    }
                }
            }
        }
    }
}

/// Things that Compose works on and how far it got with each.
struct ComposeBoard {
    private struct Row {
        var resource: ComposeResource
        var activity: ComposeActivity
        var start: ContinuousClock.Instant
        var end: ContinuousClock.Instant?
        /// Bytes of each layer that a service's image is moved in.
        var layers: [(id: String, current: Int64, total: Int64)] = []
        /// What is done to layers, in the daemon's words.
        var step = ""
    }

    private var rows: [Row] = []
    private var drawnLines = 0
    private var frame = 0

    var isBusy: Bool { rows.contains { $0.activity.isOngoing } }

    mutating func set(_ resource: ComposeResource, _ activity: ComposeActivity) {
        let end: ContinuousClock.Instant? = activity.isOngoing ? nil : .now
        if let index = rows.firstIndex(where: { $0.resource == resource }) {
            rows[index].activity = activity
            rows[index].end = end
        } else {
            rows.append(Row(resource: resource, activity: activity, start: .now, end: end))
        }
    }

    mutating func transfer(_ service: String, _ message: ProgressMessage) {
        guard let index = rows.firstIndex(where: { $0.resource.kind == .service && $0.resource.name == service })
        else { return }
        let layer = rows[index].layers.firstIndex { $0.id == message.id }
        switch message.status {
        case "Downloading", "Pushing":
            guard let detail = message.progressDetail, detail.total > 0 else { return }
            let news = (message.id, detail.current, detail.total)
            if let layer { rows[index].layers[layer] = news } else { rows[index].layers.append(news) }
        default:
            // Whatever comes after its transfer: the layer is there.
            guard let layer else { return }
            rows[index].layers[layer].current = rows[index].layers[layer].total
        }
        rows[index].step = message.status
    }

    /// Leaves what is shown as it is, and begins anew below it.
    mutating func settle() {
        rows = []
        drawnLines = 0
    }

    /// Takes away what is shown, until the next `redraw`.
    mutating func erase() -> String {
        guard drawnLines > 0 else { return "" }
        defer { drawnLines = 0 }
        return "\u{1B}[\(drawnLines)A\r\u{1B}[J"
    }

    /// Escape sequences and text that bring the terminal up to date.
    mutating func redraw(now: ContinuousClock.Instant) -> String {
        guard !rows.isEmpty else { return "" }
        frame += 1
        let done = rows.filter { !$0.activity.isOngoing }.count
        let room = max(5, (Console.height ?? 25) - 3)
        // What fails or still goes on is what one wants to see when there are too many.
        let shown = rows.count <= room ? rows : Array(rows.filter(\.activity.isOngoing).prefix(room))
        let names = shown.map { "\($0.resource.kind.rawValue) \($0.resource.name)" }
        let width = names.map(\.count).max() ?? 0
        var lines = ["[+] \(work) \(done)/\(rows.count)"]
        for (row, name) in zip(shown, names) { lines.append(line(row, name.padded(to: width), now)) }
        var out = "\u{1B}[?2026h"
        if drawnLines > 0 { out += "\u{1B}[\(drawnLines)A" }
        out += "\r\u{1B}[J" + lines.map { $0 + "\n" }.joined() + "\u{1B}[?2026l"
        drawnLines = lines.count
        return out
    }

    /// How far a layer is, as one character: Docker Compose's bars have one for each layer.
    static func fill(_ current: Int64, of total: Int64) -> Character {
        let steps: [Character] = ["⠀", "⡀", "⣀", "⣄", "⣤", "⣦", "⣶", "⣷", "⣿"]
        return steps[Int(min(max(0, current), total) * Int64(steps.count - 1) / total)]
    }

    /// What is going on, in one word.
    private var work: String {
        let words = Set(
            rows.compactMap { row -> String? in
                switch row.activity {
                case .pulling, .pulled: "Pulling"
                case .pushing, .pushed: "Pushing"
                case .skipped, .failed: nil
                default: "Running"
                }
            })
        return words.count == 1 ? words.first ?? "Running" : "Running"
    }

    private func line(_ row: Row, _ name: String, _ now: ContinuousClock.Instant) -> String {
        let frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
        let (mark, color): (String, String) =
            switch row.activity {
            case .failed: ("✘", "31")
            case .skipped: ("-", "33")
            case let activity where activity.isOngoing: (frames[frame % frames.count], "34")
            default: ("✔", "32")
            }
        let time = Decimal.fixed(row.start.duration(to: row.end ?? now).seconds, places: 1) + "s"
        var text = row.activity.text
        if !row.layers.isEmpty, row.activity.isOngoing {
            let current = row.layers.reduce(0) { $0 + $1.current }
            let total = row.layers.reduce(0) { $0 + $1.total }
            if current < total {
                let bar = String(row.layers.map { Self.fill($0.current, of: $0.total) })
                text += " [\(bar)] \(Human.size(current, digits: 3))/\(Human.size(total, digits: 3))"
            } else if row.step == "Extracting" {
                text = row.step
            }
        }
        let room = max(10, (Console.width ?? 80) - name.count - time.count - 8)
        return
            " \u{1B}[\(color)m\(mark)\u{1B}[0m \(name)  \u{1B}[\(color)m\(DisplayWidth.cut(text, room).padded(to: 12))\u{1B}[0m \(time)"
    }
}

/// Lines of containers behind their names, each name in a colour of its own.
final class LogPrinter: Sendable {
    private let projectName: String
    private let prefixes: Bool
    private let colors: Bool
    private let state: Mutex<(width: Int, colors: [String: String])>

    private static let palette = ["36", "33", "32", "35", "34", "96", "93", "92", "95", "94"]

    init(projectName: String, width: Int, prefixes: Bool, colors: Bool) {
        self.projectName = projectName
        self.prefixes = prefixes
        self.colors = colors
        state = Mutex((width, [:]))
    }

    func print(_ line: LogLine) {
        let time = line.timestamp.map { $0 + " " } ?? ""
        Console.write("\(prefix(line.container))\(time)\(line.text)\n")
    }

    func printExit(of container: String, code: Int) {
        Console.write("\(shortName(container)) exited with code \(code)\n")
    }

    private func prefix(_ container: String) -> String {
        guard prefixes else { return "" }
        let name = shortName(container)
        let (width, color) = state.withLock { state in
            state.width = max(state.width, name.count)
            let color = state.colors[name] ?? Self.palette[state.colors.count % Self.palette.count]
            state.colors[name] = color
            return (state.width, color)
        }
        let text = name.padded(to: width) + "  | "
        return colors ? "\u{1B}[\(color)m\(text)\u{1B}[0m" : text
    }

    private func shortName(_ container: String) -> String {
        for separator in ["-", "_"] where container.hasPrefix(projectName + separator) {
            return String(container.dropFirst(projectName.count + 1))
        }
        return container
    }
}
