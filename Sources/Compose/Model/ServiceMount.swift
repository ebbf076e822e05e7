import Errors
import OrderedCollections

/// Something mounted into a service's containers (Compose specification, "volumes").
public struct ServiceMount: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        case bind, volume, tmpfs, image, npipe, cluster
    }

    /// What happens when the source of a bind mount does not exist.
    public enum MissingSource: Sendable, Equatable {
        /// Nothing was said: a folder is made, unless source or target look like a file.
        case createUnlessFile
        /// `create_host_path: true`: a folder is made, as Docker does.
        case create
        /// `create_host_path: false`: an error.
        case fail
    }

    public var kind: Kind
    /// Absolute host path, volume key or image; nil for tmpfs and anonymous volumes.
    public var source: String?
    public var target: String
    public var readOnly: Bool = false
    public var consistency: String?
    // bind
    public var missingSource: MissingSource = .createUnlessFile
    public var propagation: String?
    public var recursive: String?
    /// `z` (shared) or `Z` (private).
    public var selinux: String?
    // volume and image
    public var noCopy: Bool = false
    public var subpath: String?
    public var labels: OrderedDictionary<String, String> = [:]
    // tmpfs
    public var size: Int64?
    public var mode: Int?
    /// Where it was written, for errors that are found later.
    var location: Location = .none

    public init(_ kind: Kind, source: String? = nil, target: String) {
        self.kind = kind
        self.source = source
        self.target = target
    }

    /// Parses the short form `[source:]target[:options]`.
    ///
    /// - Parameter directory: what a relative source starts from.
    public static func parse(short text: String, directory: String) throws(BerthError) -> ServiceMount {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 3, !parts.contains("") else {
            throw .invalidArgument("invalid spec: \(text): empty section between colons")
        }
        guard parts.count > 1 else { return ServiceMount(.volume, target: FilePath.clean(text)) }
        let isPath = parts[0].hasPrefix("/") || parts[0].hasPrefix(".") || parts[0].hasPrefix("~")
        var mount: ServiceMount
        if isPath {
            let source = FilePath.absolute(parts[0], from: directory)
            mount = ServiceMount(.bind, source: source, target: FilePath.clean(parts[1]))
        } else {
            mount = ServiceMount(.volume, source: parts[0], target: FilePath.clean(parts[1]))
        }
        guard parts[1].hasPrefix("/") else {
            throw .invalidArgument("invalid spec: \(text): the container path must be absolute")
        }
        if parts.count == 3 {
            for option in parts[2].split(separator: ",") { try mount.apply(option: String(option), of: text) }
        }
        return mount
    }

    private mutating func apply(option: String, of text: String) throws(BerthError) {
        switch option {
        case "ro": readOnly = true
        case "rw": readOnly = false
        case "z", "Z": selinux = option
        case "nocopy": noCopy = true
        case "cached", "delegated", "consistent", "default": consistency = option
        case "private", "rprivate", "shared", "rshared", "slave", "rslave": propagation = option
        case "volume-nocopy": noCopy = true
        default: throw .invalidArgument("invalid spec: \(text): unknown option \"\(option)\"")
        }
    }

    /// One item of `volumes`, short or long.
    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> ServiceMount {
        var mount: ServiceMount
        if let text = tree.text {
            do {
                mount = try parse(short: text, directory: tree.location.source.directory)
            } catch {
                throw tree.invalid("\(path): \(error.message)")
            }
        } else {
            mount = try decodeLong(tree, path)
        }
        mount.location = tree.location
        return mount
    }

    private static func decodeLong(_ tree: Tree, _ path: String) throws(BerthError) -> ServiceMount {
        var fields = try Fields(tree, path)
        guard let type = try fields.string("type") else { throw tree.invalid("\(path) type is required") }
        guard let kind = Kind(rawValue: type) else {
            let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw tree.invalid("\(path).type must be one of \(known), not \"\(type)\"")
        }
        guard let target = try fields.string("target") else { throw tree.invalid("\(path) target is required") }
        var mount = ServiceMount(kind, target: FilePath.clean(target))
        if let source = fields.value("source") {
            mount.source = kind == .bind ? try source.asPath("\(path).source") : try source.asString("\(path).source")
        }
        mount.readOnly = try fields.bool("read_only") ?? false
        mount.consistency = try fields.string("consistency")
        if let bind = fields.value("bind") { try mount.decode(bind: bind, "\(path).bind") }
        if let volume = fields.value("volume") { try mount.decode(volume: volume, "\(path).volume") }
        if let image = fields.value("image") {
            var inner = try Fields(image, "\(path).image")
            mount.subpath = try inner.string("subpath")
            try inner.finish()
        }
        if let tmpfs = fields.value("tmpfs") {
            var inner = try Fields(tmpfs, "\(path).tmpfs")
            mount.size = try inner.bytes("size")
            mount.mode = try inner.int("mode")
            try inner.finish()
        }
        try fields.finish()
        if kind == .bind, mount.source == nil { throw tree.invalid("\(path) source is required for a bind mount") }
        return mount
    }

    private mutating func decode(bind: Tree, _ path: String) throws(BerthError) {
        var fields = try Fields(bind, path)
        propagation = try fields.string("propagation")
        recursive = try fields.string("recursive")
        selinux = try fields.string("selinux")
        if let create = try fields.bool("create_host_path") { missingSource = create ? .create : .fail }
        try fields.finish()
    }

    private mutating func decode(volume: Tree, _ path: String) throws(BerthError) {
        var fields = try Fields(volume, path)
        noCopy = try fields.bool("nocopy") ?? false
        subpath = try fields.string("subpath")
        labels = try fields.labels("labels") ?? [:]
        try fields.finish()
    }

    func render() -> Tree {
        var result: OrderedTree = ["type": .string(kind.rawValue)]
        result["source"] = source.map(Tree.string)
        result["target"] = .string(target)
        if readOnly { result["read_only"] = .bool(true) }
        result["consistency"] = consistency.map(Tree.string)
        switch kind {
        case .bind:
            var bind: OrderedTree = [:]
            bind["propagation"] = propagation.map(Tree.string)
            bind["recursive"] = recursive.map(Tree.string)
            bind["selinux"] = selinux.map(Tree.string)
            if missingSource != .createUnlessFile { bind["create_host_path"] = .bool(missingSource == .create) }
            result["bind"] = .map(bind)
        case .volume, .cluster, .npipe:
            var volume: OrderedTree = [:]
            if noCopy { volume["nocopy"] = .bool(true) }
            volume["subpath"] = subpath.map(Tree.string)
            if !labels.isEmpty { volume["labels"] = .map(labels.mapValues(Tree.string)) }
            result["volume"] = .map(volume)
        case .image:
            if let subpath { result["image"] = .map(["subpath": .string(subpath)]) }
        case .tmpfs:
            var tmpfs: OrderedTree = [:]
            tmpfs["size"] = size.map { .string(String($0)) }
            tmpfs["mode"] = mode.map { .int($0) }
            result["tmpfs"] = .map(tmpfs)
        }
        return .map(result)
    }

    public static func == (left: ServiceMount, right: ServiceMount) -> Bool { left.render() == right.render() }
}
