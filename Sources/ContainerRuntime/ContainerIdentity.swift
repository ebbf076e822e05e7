import OCI

/// What a container is called and where it came from: the part of its state that never changes.
public struct ContainerIdentity: Sendable {
    public var id: String
    /// Absolute.
    public var bundle: String
    public var ociVersion: String
    public var annotations: [String: String]

    public init(id: String, bundle: String, ociVersion: String, annotations: [String: String] = [:]) {
        self.id = id
        self.bundle = bundle
        self.ociVersion = ociVersion
        self.annotations = annotations
    }

    /// `state` of the specification (`runtime.md`), which hooks read from their standard input.
    public func state(_ status: String, pid: Int32) -> JSONValue {
        [
            "ociVersion": .string(ociVersion), "id": .string(id), "status": .string(status), "pid": .number(pid),
            "bundle": .string(bundle), "annotations": .map(annotations),
        ]
    }
}
