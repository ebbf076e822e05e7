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

/// Why a build step failed by itself: the cause of the `BerthError`.
public struct StepFailure: Error, Sendable {
    public let exitCode: Int32
    public let line: Int
}
