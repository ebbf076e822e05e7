public import ImageStore

/// One instruction of the build.
public struct BuildStep: Hashable, Sendable {
    /// From 1, in the order of the file.
    public let index: Int
    public let total: Int
    /// The instruction as written, on one line.
    public let name: String
    /// In the Dockerfile, from 1.
    public let line: Int
    /// The stage's name, or its index.
    public let stage: String
}

public enum BuildEvent: Sendable {
    case started(BuildStep)
    /// The step's result was in the cache; it is followed by `finished`.
    case cached(BuildStep)
    case output(BuildStep, bytes: [UInt8], stream: StandardStream)
    /// `state` names what the build is after the step, in 12 hex digits.
    case finished(BuildStep, state: String, seconds: Double)
    case failed(BuildStep, message: String)
    /// Something that works but was probably not meant.
    case warning(String)
    case built(Image)
}

/// Takes the events of one build. Events of stages that are built at the same time interleave;
/// those of one step are in order.
public protocol BuildProgress: Sendable {
    func report(_ event: BuildEvent) async
}

/// The cause of a `BerthError` that a step ended in.
public struct StepFailure: Error, Sendable {
    /// In the Dockerfile, from 1. The error's message names it too.
    public let line: Int
    /// Of a RUN that did not end with 0.
    public let exitCode: Int32?
    /// What lay behind the error.
    public let cause: (any Error)?

    init(line: Int, exitCode: Int32?, cause: (any Error)? = nil) {
        self.line = line
        self.exitCode = exitCode
        self.cause = cause
    }
}
