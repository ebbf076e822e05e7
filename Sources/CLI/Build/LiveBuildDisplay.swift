import Client
import EngineAPI
import Synchronization

/// Progress on a terminal: finished steps stay as one line each; below them the running ones, with
/// their time and the last lines of what they write, are redrawn in place.
final class LiveBuildDisplay: BuildDisplay {
    private let state = Mutex(LiveBuildState(width: { Console.width ?? 80 }))
    private let ticker = Mutex<Task<Void, Never>?>(nil)

    init() {
        ticker.withLock {
            $0 = Task { [weak self] in
                while !Task.isCancelled {
                    try? await Task.sleep(for: .milliseconds(100))
                    guard let self else { return }
                    self.update { _ in }
                }
            }
        }
    }

    deinit { stop() }

    private func stop() { ticker.withLock { $0?.cancel() } }

    func sendingContext(_ bytes: SizeCounter, of name: String?) { update { $0.uploads[name] = bytes } }

    func sentContext(bytes: Int64, seconds: Double, of name: String?) {
        let place = name.map { "[\($0)] " } ?? ""
        update { $0.uploads[name] = nil }
        update { $0.addFinished("\(place)context \(Human.size(bytes, digits: 3))", seconds: seconds, mark: .done) }
    }

    func show(_ event: BuildStepEvent, of name: String?) { update { $0.apply(event, of: name) } }

    func showPull(_ message: ProgressMessage, of name: String?) { update { $0.pulls.apply(message) } }

    func show(text: String) { update { $0.addLines(text) } }

    func finished(_ outcome: BuildOutcome, of name: String?) {
        update { $0.finish(outcome, of: name) }
        if name == nil { stop() }
    }

    func failed(of name: String?) {
        update { $0.fail(of: name) }
        if name == nil { stop() }
    }

    private func update(_ change: (inout LiveBuildState) -> Void) {
        state.withLock { state in
            change(&state)
            let text = state.redraw(now: .now)
            if !text.isEmpty { Console.write(text) }
        }
    }
}

/// What a live display shows, and how that gets onto the terminal.
struct LiveBuildState {
    enum Mark: String {
        case done = "\u{1B}[32m✔\u{1B}[0m"
        case cached = "\u{1B}[36m✔\u{1B}[0m"
        case failed = "\u{1B}[31m✖\u{1B}[0m"
    }

    private struct Key: Hashable {
        var build: String?
        var step: Int
    }

    private struct Running {
        var key: Key
        var title: String
        var start: ContinuousClock.Instant
        /// The newest lines, oldest first.
        var tail: [String] = []
        var partialLine = ""
    }

    /// Lines of output that a running step shows, and that a failed one leaves behind.
    private static let shownTail = 4
    private static let keptTail = 40

    /// Layers of base images on their way.
    var pulls = PulledLayers()
    /// Contexts on their way, by build.
    var uploads: [String?: SizeCounter] = [:]
    private let width: () -> Int
    private var running: [Running] = []
    /// Lines that are final and wait to be written above the running ones.
    private var settled: [String] = []
    private var region = LineRegion()
    /// Steps whose line is final.
    private var ended: Set<Key> = []
    private var total: [String?: Int] = [:]
    private let start = ContinuousClock.now
    private var frame = 0
    private var isOver = false

    init(width: @escaping () -> Int) { self.width = width }

    // MARK: Changes

    mutating func apply(_ event: BuildStepEvent, of build: String?) {
        let key = Key(build: build, step: event.step)
        if let total = event.total { self.total[build] = total }
        let index: Int
        if let known = running.firstIndex(where: { $0.key == key }) {
            index = known
        } else {
            // The end of a step that was cached says nothing new.
            guard !ended.contains(key) else { return }
            running.append(Running(key: key, title: event.title(of: build), start: .now))
            index = running.count - 1
        }
        switch event.event {
        case .start: break
        case .log: log(event.text ?? "", index)
        case .cached: end(running.remove(at: index), event, .cached)
        case .done: end(running.remove(at: index), event, .done)
        case .error:
            let step = running.remove(at: index)
            end(step, event, .failed)
            settled += (step.tail + [step.partialLine]).filter { !$0.isEmpty }.map { "    " + $0 }
        }
    }

    private mutating func end(_ step: Running, _ event: BuildStepEvent, _ mark: Mark) {
        ended.insert(step.key)
        addFinished(step.title, seconds: event.seconds ?? step.start.duration(to: .now).seconds, mark: mark)
    }

    private mutating func log(_ text: String, _ index: Int) {
        let (lines, rest) = LogLines.split(running[index].partialLine + text)
        running[index].partialLine = rest
        running[index].tail = (running[index].tail + lines.map(LogLines.plain)).suffix(Self.keptTail)
    }

    mutating func addFinished(_ title: String, seconds: Double, mark: Mark) {
        let note = mark == .cached ? "CACHED" : Decimal.fixed(seconds, places: 1) + "s"
        settled.append(line(mark.rawValue, title, note))
    }

    mutating func addLines(_ text: String) {
        settled += LogLines.split(text.hasSuffix("\n") ? text : text + "\n").lines
    }

    mutating func finish(_ outcome: BuildOutcome, of build: String?) {
        // A daemon may leave out the end of a step whose result came from the cache.
        for step in running where step.key.build == build {
            addFinished(step.title, seconds: step.start.duration(to: .now).seconds, mark: .done)
        }
        running.removeAll { $0.key.build == build }
        uploads[build] = nil
        let names = outcome.tags.map(ImageName.withTag).joined(separator: ", ")
        let image = outcome.imageID.map(Human.shortID) ?? ""
        let what = names.isEmpty ? image : image.isEmpty ? names : "\(names) (\(image))"
        settled.append(line(Mark.done.rawValue, "Built \(what)", Decimal.fixed(outcome.seconds, places: 1) + "s"))
        isOver = build == nil
    }

    mutating func fail(of build: String?) {
        for step in running where step.key.build == build {
            addFinished(step.title, seconds: step.start.duration(to: .now).seconds, mark: .failed)
            settled += step.tail.map { "    " + $0 }
        }
        uploads[build] = nil
        running.removeAll { $0.key.build == build }
        isOver = build == nil
    }

    // MARK: Drawing

    /// Escape sequences and text that bring the terminal up to date.
    mutating func redraw(now: ContinuousClock.Instant) -> String {
        frame += 1
        var lines: [String] = []
        if !isOver {
            for (build, bytes) in uploads where bytes.total > 0 {
                let place = build.map { "[\($0)] " } ?? ""
                lines.append(line(spinner, "\(place)sending context \(Human.size(bytes.total, digits: 3))", ""))
            }
            for step in running { lines += block(step, now) }
            lines += pulls.lines(width: width() - 1).map { "    " + $0 }
            if !running.isEmpty { lines.append(summary(now)) }
        }
        // What is final goes above the rest.
        let final = settled.isEmpty ? "" : region.update([]) + settled.map { $0 + "\n" }.joined()
        settled = []
        return LineRegion.atOnce(final + region.update(lines))
    }

    private var spinner: String {
        let frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
        return "\u{1B}[34m\(frames[frame % frames.count])\u{1B}[0m"
    }

    private func block(_ step: Running, _ now: ContinuousClock.Instant) -> [String] {
        let time = Decimal.fixed(step.start.duration(to: now).seconds, places: 1) + "s"
        var tail = step.tail
        let partial = LogLines.plain(LogLines.visible(step.partialLine[...]))
        if !partial.isEmpty { tail.append(partial) }
        let room = max(10, width() - 6)
        return [line(spinner, step.title, time)]
            + tail.suffix(Self.shownTail).map { "    \u{1B}[2m\(DisplayWidth.cut($0, room))\u{1B}[0m" }
    }

    private func summary(_ now: ContinuousClock.Instant) -> String {
        let steps = total.values.reduce(0, +)
        let count = steps > 0 ? " \(ended.count)/\(steps) steps" : ""
        return "\u{1B}[2mBuilding\(count), \(Decimal.fixed(start.duration(to: now).seconds, places: 1))s\u{1B}[0m"
    }

    /// Mark and title on the left, a note at the right edge.
    private func line(_ mark: String, _ title: String, _ note: String) -> String {
        let room = max(10, width() - note.count - 5)
        let shown = DisplayWidth.cut(LogLines.plain(title), room)
        let gap = String(repeating: " ", count: max(1, room - DisplayWidth.of(shown) + 1))
        return " \(mark) \(shown)\(gap)\u{1B}[2m\(note)\u{1B}[0m"
    }
}

/// Columns that text takes on a terminal.
enum DisplayWidth {
    static func of(_ text: String) -> Int { text.reduce(0) { $0 + of($1) } }

    /// As much of the text as fits, with an ellipsis where something is missing.
    static func cut(_ text: String, _ columns: Int) -> String {
        guard of(text) > columns else { return text }
        var used = 1
        var out = ""
        for character in text {
            used += of(character)
            if used > columns { break }
            out.append(character)
        }
        return out + "…"
    }

    /// East Asian wide characters and emoji take two (Unicode Standard Annex 11, by blocks).
    private static func of(_ character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first?.value, scalar >= 0x1100 else { return 1 }
        switch scalar {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
            0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}
