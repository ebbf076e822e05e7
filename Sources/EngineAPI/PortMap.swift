/// Ports (`80/tcp`) and where they are published on the host.
///
/// A port without bindings is exposed but not published; Docker writes it as `null`, and so do we.
public struct PortMap: Equatable, Sendable, ZeroValue, ExpressibleByDictionaryLiteral {
    public var bindings: [String: [PortBinding]]

    public init() { bindings = [:] }

    public init(_ bindings: [String: [PortBinding]]) { self.bindings = bindings }

    public init(dictionaryLiteral elements: (String, [PortBinding])...) {
        bindings = Dictionary(elements) { $0 + $1 }
    }

    /// The bindings of `port`; `nil` if the port is not exposed at all.
    public subscript(port: String) -> [PortBinding]? {
        get { bindings[port] }
        set { bindings[port] = newValue }
    }

    public var isEmpty: Bool { bindings.isEmpty }
}

extension PortMap: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        bindings = try container.decode([String: [PortBinding]?].self).mapValues { $0 ?? [] }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(bindings.mapValues { $0.isEmpty ? nil : $0 })
    }
}
