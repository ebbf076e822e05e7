import Builder
import EngineAPI

/// Build events as the classic builder words them, and as Berth's own for clients that ask.
struct BuildReport: BuildProgress {
    private let sink: any ProgressSink
    private let reportsSteps: Bool

    init(_ sink: any ProgressSink, reportsSteps: Bool) {
        self.sink = sink
        self.reportsSteps = reportsSteps
    }

    func report(_ event: BuildEvent) async {
        // A client that has gone cancels the build by itself.
        if let text = classic(event) { try? await sink.send(ProgressMessage(stream: text)) }
        if reportsSteps, let step = own(event) {
            try? await sink.send(ProgressMessage(aux: ProgressAux(berth: step)))
        }
    }

    private func classic(_ event: BuildEvent) -> String? {
        switch event {
        case .started(let step): "Step \(step.index)/\(step.total) : \(step.name)\n"
        case .cached: " ---> Using cache\n"
        case .output(_, let bytes, _): String(decoding: bytes, as: UTF8.self)
        case .finished(_, let state, _): " ---> \(state)\n"
        case .warning(let text): "[Warning] \(text)\n"
        case .failed, .built: nil
        }
    }

    private func own(_ event: BuildEvent) -> BuildStepEvent? {
        switch event {
        case .started(let step): BuildStepEvent(event: .start, step: step.index, total: step.total, name: step.name)
        case .cached(let step): BuildStepEvent(event: .cached, step: step.index, total: step.total, name: step.name)
        case .output(let step, let bytes, _):
            BuildStepEvent(event: .log, step: step.index, text: String(decoding: bytes, as: UTF8.self))
        case .finished(let step, _, let seconds): BuildStepEvent(event: .done, step: step.index, seconds: seconds)
        case .failed(let step, let message): BuildStepEvent(event: .error, step: step.index, text: message)
        case .warning, .built: nil
        }
    }
}
