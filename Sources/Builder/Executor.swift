public import ImageStore
public import OCI

/// Runs RUN steps and finds base images for the builder. The daemon injects it: the builder knows
/// neither containers nor registries.
public protocol Executor: Sendable {
    /// Runs one step in a container of its own, whose root is `step.layers` under
    /// `step.workspace`, and returns the exit code. Cancelling the task kills it.
    func run(_ step: RunStep, output: any StepOutput) async throws -> Int32

    /// Brings a base image into the store: one that the store lacks, or any with `pull`.
    ///
    /// - Throws: `notFound`, saying where it was looked for.
    func fetch(_ reference: Reference, platform: Platform?) async throws -> Image
}

public enum StandardStream: Sendable { case output, error }

/// Takes what a step prints, in order.
public protocol StepOutput: Sendable {
    func write(_ bytes: [UInt8], stream: StandardStream) async
}

/// Everything that a container for one RUN needs.
public struct RunStep: Sendable {
    public enum Network: String, Sendable { case standard = "default", none, host }

    public var args: [String]
    /// `NAME=value`.
    public var environment: [String]
    public var workingDirectory: String
    /// `user[:group]`, names or numbers, as in an image configuration; empty is root.
    public var user: String
    /// Unpacked layer directories, lowest first.
    public var layers: [String]
    /// Takes what the step writes.
    public var workspace: Workspace
    public var network: Network
    public var mounts: [StepMount]
    /// `name:address`.
    public var extraHosts: [String]
    /// Bytes of `/dev/shm`; nil is the engine's default.
    public var shmSize: Int64?
    public var hostname: String?
    public var ulimits: [Ulimit]
    public var cgroupParent: String?
    /// Whether the step is to see the host's certificate authorities.
    public var handsCABundle: Bool
    /// Of the image that is built.
    public var platform: Platform
}

/// A resource limit, by its name without `RLIMIT_`, in lower case: `nofile`.
public struct Ulimit: Hashable, Sendable {
    public var name: String
    public var soft: Int64
    public var hard: Int64

    public init(name: String, soft: Int64, hard: Int64) {
        self.name = name
        self.soft = soft
        self.hard = hard
    }
}

/// A mount of one step. Mount points that are missing in the root are made by the executor and, if
/// still empty, are removed after the step, so that they do not end up in the image.
public struct StepMount: Sendable {
    public enum Source: Sendable {
        /// A file or directory of the host.
        case bind(path: String)
        /// An overlay of directories of the host, lowest first, that takes writes which nobody keeps.
        case overlay(layers: [String], upper: String, work: String)
        /// A read-only overlay of directories of the host, lowest first.
        case layers([String])
        /// A new tmpfs; `size` in bytes, nil is the kernel's default.
        case tmpfs(size: Int64?)
        /// A file with these bytes that must not reach a disk.
        case file(content: [UInt8], mode: UInt32, user: UInt32, group: UInt32)
    }

    public var source: Source
    /// Absolute path in the container.
    public var target: String
    public var isReadOnly: Bool
}
