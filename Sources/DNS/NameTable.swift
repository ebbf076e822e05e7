import Errors

/// The names of one network: which containers answer to a name, and what an address is called.
///
/// The file form, which the daemon writes and every shim of the network reads, has one address per
/// line, followed by its names; the first is the one that a reverse lookup gives. Order matters: a
/// name's addresses keep the order of the lines.
///
///     network blog_default
///     172.18.0.2 blog-web-1 web 3f2a1b0c9d8e
///     172.18.0.3 blog-web-2 web 77ab01cd23ef
public struct NameTable: Sendable, Equatable {
    /// The network's name: `web.blog_default` means what `web` means. Empty for none.
    public let network: String
    /// In the order of the file.
    public private(set) var entries: [Entry] = []

    public struct Entry: Sendable, Equatable {
        public let address: IPAddress
        public let names: [String]
    }

    private var forward: [String: [IPAddress]] = [:]
    private var reverse: [IPAddress: String] = [:]
    private let suffix: String

    /// An empty table. A name that cannot be written to the file is as good as none.
    public init(network: String = "") {
        self.network = Self.isWritable(network) ? network : ""
        suffix = self.network.isEmpty ? "" : "." + Self.fold(self.network)
    }

    /// Adds an address with its names, the first being what a reverse lookup gives. Throws
    /// `invalidArgument` when a name is empty or has white space.
    public mutating func add(_ address: IPAddress, names: [String]) throws(BerthError) {
        for name in names where !Self.isWritable(name) {
            throw .invalidArgument("invalid network alias \"\(name)\": a name has no white space and is not empty")
        }
        insert(address, names)
    }

    private mutating func insert(_ address: IPAddress, _ names: [String]) {
        guard let first = names.first else { return }
        entries.append(Entry(address: address, names: names))
        if reverse[address] == nil { reverse[address] = first }
        for name in names {
            var addresses = forward[Self.fold(name), default: []]
            if !addresses.contains(address) { addresses.append(address) }
            forward[Self.fold(name)] = addresses
        }
    }

    /// Addresses of a name, bare or followed by the network's; nil when the name is not of this
    /// network. Case does not matter.
    public func addresses(of name: String) -> [IPAddress]? {
        let name = Self.fold(name)
        if let found = forward[name] { return found }
        guard !suffix.isEmpty, name.hasSuffix(suffix) else { return nil }
        return forward[String(name.dropLast(suffix.count))]
    }

    /// What an address is called in full: `web.blog_default`.
    public func name(of address: IPAddress) -> String? {
        reverse[address].map { network.isEmpty ? $0 : "\($0).\(network)" }
    }

    private static func fold(_ name: String) -> String {
        String(decoding: name.utf8.lazy.map(lowercased), as: UTF8.self)
    }

    private static func isWritable(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
    }
}

// MARK: - The file form

extension NameTable {
    /// Reads the file form. A line that makes no sense is passed over: a shim may be older than the
    /// daemon that writes the file, and the other names must go on resolving.
    public init(parsing text: some Collection<UInt8>) {
        let lines = text.split(separator: UInt8(ascii: "\n")).map { line in
            line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }.map { String(decoding: $0, as: UTF8.self) }
        }
        self.init(network: lines.first { $0.count == 2 && $0[0] == "network" }?[1] ?? "")
        for words in lines {
            guard words.count > 1, let address = IPAddress(words[0]) else { continue }
            insert(address, Array(words[1...]))
        }
    }

    /// The file form.
    public func render() -> String {
        var text = network.isEmpty ? "" : "network \(network)\n"
        for entry in entries {
            text += "\(entry.address) \(entry.names.joined(separator: " "))\n"
        }
        return text
    }
}
