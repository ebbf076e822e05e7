import Linux
import Logging
import Synchronization

/// Where the time of a container goes, from its creation to its end: one line in the log for each run, with
/// `berthd --trace-runs`. Costs nothing otherwise.
final class RunTrace: Sendable {
    private struct Marks {
        var names: [StaticString] = []
        var times: [Int64] = []
    }

    private let logger: Logger
    private let runs = Mutex<[String: Marks]>([:])

    init(_ logger: Logger) { self.logger = logger }

    /// What lies between the mark before and this one is said to be `name`.
    func mark(_ id: String, _ name: StaticString, at time: Int64 = Clock.monotonic()) {
        runs.withLock {
            $0[id, default: Marks()].names.append(name)
            $0[id, default: Marks()].times.append(time)
        }
    }

    /// Tells what was marked, and forgets it.
    func end(_ id: String) {
        guard let marks = runs.withLock({ $0.removeValue(forKey: id) }), marks.times.count > 1 else { return }
        let steps = zip(marks.names.dropFirst(), zip(marks.times, marks.times.dropFirst())).map { name, times in
            "\(name) \(Self.milliseconds(times.1 - times.0))"
        }
        let whole = Self.milliseconds((marks.times.last ?? 0) - (marks.times.first ?? 0))
        logger.info("run of \(id.prefix(12)) in ms: \(steps.joined(separator: ", ")); in all \(whole)")
    }

    private static func milliseconds(_ nanoseconds: Int64) -> String {
        let hundredths = (nanoseconds + 5_000) / 10_000
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
