import Client
import EngineAPI
import Synchronization

/// Progress as lines that only ever follow each other, in the form of buildkit's: `#5 [2/4] RUN make`,
/// `#5 0.213 output`, `#5 DONE 1.2s`.
final class PlainBuildDisplay: BuildDisplay {
    private struct Key: Hashable {
        var build: String?
        var step: Int
    }

    private struct Step {
        var number: Int
        var start: ContinuousClock.Instant
        var isCached = false
        var partialLine = ""
    }

    private struct State {
        var steps: [Key: Step] = [:]
        var count = 0
        /// The newest status of each layer that was told.
        var told: [String: String] = [:]
    }

    private let state = Mutex(State())
    private let write: @Sendable (String) -> Void

    init(write: @escaping @Sendable (String) -> Void) { self.write = write }

    func sentContext(bytes: Int64, seconds: Double, of name: String?) {
        let number = state.withLock { state in
            state.count += 1
            return state.count
        }
        let title = name.map { "[\($0) internal]" } ?? "[internal]"
        write(
            "#\(number) \(title) load build context\n"
                + "#\(number) transferring context: \(Human.size(bytes, digits: 3)) done\n"
                + "#\(number) DONE \(Decimal.fixed(seconds, places: 1))s\n\n")
    }

    func show(_ event: BuildStepEvent, of name: String?) {
        let text = state.withLock { Self.text(event, name, &$0) }
        if !text.isEmpty { write(text) }
    }

    private static func text(_ event: BuildStepEvent, _ name: String?, _ state: inout State) -> String {
        let key = Key(build: name, step: event.step)
        var text = ""
        var step: Step
        if let known = state.steps[key] {
            step = known
        } else {
            state.count += 1
            step = Step(number: state.count, start: .now)
            text += "#\(step.number) \(event.title(of: name))\n"
        }
        defer { state.steps[key] = step }
        switch event.event {
        case .start: break
        case .log:
            let seconds = event.seconds ?? step.start.duration(to: .now).seconds
            let (lines, rest) = LogLines.split(step.partialLine + (event.text ?? ""))
            step.partialLine = rest
            for line in lines { text += "#\(step.number) \(Decimal.fixed(seconds, places: 3)) \(line)\n" }
        case .cached:
            step.isCached = true
            text += "#\(step.number) CACHED\n\n"
        case .done:
            text += flushed(&step)
            let seconds = event.seconds ?? step.start.duration(to: .now).seconds
            if !step.isCached { text += "#\(step.number) DONE \(Decimal.fixed(seconds, places: 1))s\n\n" }
        case .error:
            text += flushed(&step)
            text += "#\(step.number) ERROR: \(event.text ?? "failed")\n"
        }
        return text
    }

    /// Output without a line end, once nothing follows it.
    private static func flushed(_ step: inout Step) -> String {
        guard !step.partialLine.isEmpty else { return "" }
        defer { step.partialLine = "" }
        return
            "#\(step.number) \(Decimal.fixed(step.start.duration(to: .now).seconds, places: 3)) \(step.partialLine)\n"
    }

    func showPull(_ message: ProgressMessage, of name: String?) {
        let text = state.withLock { ProgressDisplay.line(message, &$0.told) }
        if !text.isEmpty { write(text) }
    }

    func show(text: String) { write(text) }

    func finished(_ outcome: BuildOutcome, of name: String?) {
        guard let id = outcome.imageID else { return }
        var text = "Successfully built \(Human.shortID(id))\n"
        for tag in outcome.tags { text += "Successfully tagged \(ImageName.withTag(tag))\n" }
        write(text)
    }

    func failed(of name: String?) {}
}

/// Output of steps as lines.
enum LogLines {
    /// - Returns: the complete lines, and what began after the last line end. Of a line that was
    ///   overwritten with carriage returns only the last state is left.
    static func split(_ text: String) -> (lines: [String], rest: String) {
        var parts = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        let rest = parts.popLast() ?? ""
        return (parts.map { visible($0) }, String(rest))
    }

    static func visible(_ line: Substring) -> String {
        var line = line
        while line.last == "\r" { line.removeLast() }
        guard let carriage = line.lastIndex(of: "\r") else { return String(line) }
        return String(line[line.index(after: carriage)...])
    }

    /// Without escape sequences, which would move the cursor or change colours of a live display.
    static func plain(_ line: String) -> String {
        var out = String.UnicodeScalarView()
        var scalars = line.unicodeScalars[...]
        while let scalar = scalars.popFirst() {
            if scalar == "\u{1B}" {
                guard scalars.popFirst() == "[" else { continue }
                while let next = scalars.popFirst(), !(0x40...0x7E).contains(next.value) {}
            } else if scalar == "\t" {
                out.append(contentsOf: "    ".unicodeScalars)
            } else if scalar.value >= 0x20, scalar.value != 0x7F {
                out.append(scalar)
            }
        }
        return String(out)
    }
}
