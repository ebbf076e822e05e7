import Client
import EngineAPI
import Errors

/// How a build's progress is shown.
enum BuildProgressStyle: String, Sendable {
    case auto, plain, tty, quiet

    @Sendable static func parse(_ text: String) throws -> BuildProgressStyle {
        // Buildx knows further styles, which differ from these only in what nobody reads.
        switch text {
        case "rawjson": return .plain
        default:
            guard let style = BuildProgressStyle(rawValue: text) else {
                throw BerthError.invalidArgument("expected \"auto\", \"plain\", \"tty\" or \"quiet\"")
            }
            return style
        }
    }
}

/// What came out of a build.
struct BuildOutcome: Sendable {
    var imageID: String?
    var tags: [String]
    var seconds = 0.0
}

/// Shows builds. `name` tells several that run side by side apart; it is nil for the only one.
protocol BuildDisplay: Sendable {
    /// The context is on its way; `bytes` grows until `sentContext`.
    func sendingContext(_ bytes: SizeCounter, of name: String?)
    func sentContext(bytes: Int64, seconds: Double, of name: String?)
    func show(_ event: BuildStepEvent, of name: String?)
    /// A layer of a base image on its way.
    func showPull(_ message: ProgressMessage, of name: String?)
    /// Output of a builder that sends no events.
    func show(text: String)
    func finished(_ outcome: BuildOutcome, of name: String?)
    func failed(of name: String?)
}

extension BuildDisplay {
    func sendingContext(_ bytes: SizeCounter, of name: String?) {}
    func showPull(_ message: ProgressMessage, of name: String?) {}
}

enum BuildDisplays {
    static func make(_ style: BuildProgressStyle) -> any BuildDisplay {
        switch style {
        case .quiet: SilentBuildDisplay()
        case .plain: PlainBuildDisplay { Console.write($0) }
        case .tty: LiveBuildDisplay()
        case .auto: Console.output.isTerminal ? LiveBuildDisplay() : PlainBuildDisplay { Console.write($0) }
        }
    }
}

struct SilentBuildDisplay: BuildDisplay {
    func sentContext(bytes: Int64, seconds: Double, of name: String?) {}
    func show(_ event: BuildStepEvent, of name: String?) {}
    func show(text: String) {}
    func finished(_ outcome: BuildOutcome, of name: String?) {}
    func failed(of name: String?) {}
}

extension BuildStepEvent {
    /// `[2/4] RUN make`, with the build's name where there are several.
    func title(of build: String?) -> String {
        let position = total.map { "\(step)/\($0)" } ?? "\(step)"
        let place = build.map { "[\($0) \(position)]" } ?? "[\(position)]"
        return "\(place) \(name ?? "")"
    }
}
