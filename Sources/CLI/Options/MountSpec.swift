import EngineAPI
import Errors

/// `--volume` and `--mount`, as the request has them.
enum MountSpec {
    enum Volume: Equatable {
        /// A volume without a name, at this path of the container.
        case anonymous(String)
        /// `source:target[:options]` with an absolute or a volume's source.
        case bind(String)
    }

    /// Reads `[source:]target[:options]`. A source that begins with `.`, `~` or `/` is a path of this
    /// host and made absolute; anything else is a volume's name.
    static func volume(_ text: String, in folder: WorkingFolder) throws(BerthError) -> Volume {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        switch parts.count {
        case 1:
            guard parts[0].hasPrefix("/") else { throw invalid(text, "mount path must be absolute") }
            return .anonymous(parts[0])
        case 2, 3:
            guard !parts[0].isEmpty, !parts[1].isEmpty else { throw invalid(text, "empty section between colons") }
            guard parts[1].hasPrefix("/") else { throw invalid(text, "mount path must be absolute") }
            let source = isHostPath(parts[0]) ? folder.absolute(parts[0]) : parts[0]
            return .bind(([source] + parts.dropFirst()).joined(separator: ":"))
        default: throw invalid(text, "too many colons")
        }
    }

    private static func isHostPath(_ text: String) -> Bool {
        text.hasPrefix("/") || text == "." || text == ".." || text.hasPrefix("./") || text.hasPrefix("../")
            || text == "~" || text.hasPrefix("~/")
    }

    private static func invalid(_ text: String, _ why: String) -> BerthError {
        .invalidArgument("invalid volume specification: '\(text)': \(why)")
    }

    /// Reads `type=bind,source=/a,target=/b,readonly`.
    static func mount(_ text: String, in folder: WorkingFolder) throws(BerthError) -> Mount {
        var reader = MountReader(mount: Mount(type: "volume"))
        for field in text.split(separator: ",").map({ String($0) }) { try reader.read(field) }
        var mount = reader.mount
        guard !mount.target.isEmpty else { throw .invalidArgument("target is required") }
        if mount.type == "bind" {
            guard !mount.source.isEmpty else { throw .invalidArgument("bind: source is required") }
            mount.source = folder.absolute(mount.source)
        }
        if mount.type == "tmpfs", !mount.source.isEmpty {
            throw .invalidArgument("tmpfs: source must not be set")
        }
        return mount
    }
}

private struct MountReader {
    var mount: Mount

    mutating func read(_ field: String) throws(BerthError) {
        let (key, value) = Parse.pair(field)
        switch key.lowercased() {
        case "readonly", "ro": mount.readOnly = try flag(value)
        case "volume-nocopy": volume { $0.noCopy = true }
        case "bind-nonrecursive": bind { $0.nonRecursive = true }
        default:
            guard let value else { throw .invalidArgument("invalid field '\(field)' must be a key=value pair") }
            try set(key.lowercased(), value)
        }
    }

    private mutating func set(_ key: String, _ value: String) throws(BerthError) {
        switch key {
        case "type": mount.type = value.lowercased()
        case "source", "src": mount.source = value
        case "target", "dst", "destination": mount.target = value
        case "consistency": mount.consistency = value
        case "bind-propagation": bind { $0.propagation = value }
        case "bind-create-src", "bind-create-mountpoint":
            let creates = try flag(value)
            bind { $0.createMountpoint = creates }
        case "bind-recursive":
            switch value {
            case "enabled": break
            case "disabled": bind { $0.nonRecursive = true }
            case "writable": bind { $0.readOnlyNonRecursive = true }
            case "readonly": bind { $0.readOnlyForceRecursive = true }
            default: throw .invalidArgument("invalid value for bind-recursive: \(value)")
            }
        case "volume-subpath": volume { $0.subpath = value }
        case "volume-driver": driver { $0.name = value }
        case "volume-label":
            let (name, text) = Parse.pair(value)
            volume { $0.labels = ($0.labels ?? [:]).merging([name: text ?? ""]) { $1 } }
        case "volume-opt":
            let (name, text) = Parse.pair(value)
            driver { $0.options = ($0.options ?? [:]).merging([name: text ?? ""]) { $1 } }
        case "image-subpath": mount.imageOptions = ImageOptions(subpath: value)
        case "tmpfs-size":
            let size = try Parse.bytes(value)
            tmpfs { $0.sizeBytes = size }
        case "tmpfs-mode":
            guard let mode = UInt32(value, radix: 8) else {
                throw .invalidArgument("invalid value for tmpfs-mode: \(value)")
            }
            tmpfs { $0.mode = mode }
        default: throw .invalidArgument("unexpected key '\(key)' in '\(key)=\(value)'")
        }
    }

    private func flag(_ value: String?) throws(BerthError) -> Bool {
        guard let value else { return true }
        return try Parse.bool(value)
    }

    private mutating func bind(_ change: (inout BindOptions) -> Void) {
        var options = mount.bindOptions ?? BindOptions()
        change(&options)
        mount.bindOptions = options
    }

    private mutating func volume(_ change: (inout VolumeOptions) -> Void) {
        var options = mount.volumeOptions ?? VolumeOptions()
        change(&options)
        mount.volumeOptions = options
    }

    private mutating func driver(_ change: (inout VolumeDriverConfig) -> Void) {
        volume { options in
            var config = options.driverConfig ?? VolumeDriverConfig()
            change(&config)
            options.driverConfig = config
        }
    }

    private mutating func tmpfs(_ change: (inout TmpfsOptions) -> Void) {
        var options = mount.tmpfsOptions ?? TmpfsOptions()
        change(&options)
        mount.tmpfsOptions = options
    }
}

/// What relative paths of the command line are relative to.
struct WorkingFolder: Sendable {
    let path: String
    let home: String

    init(path: String, home: String) {
        self.path = path
        self.home = home
    }

    /// An absolute path without `.`, `..` and double slashes. Nothing is looked up.
    func absolute(_ text: String) -> String {
        var joined = text
        if text == "~" || text.hasPrefix("~/") {
            joined = home + text.dropFirst()
        } else if !text.hasPrefix("/") {
            joined = path + "/" + text
        }
        var parts: [Substring] = []
        for part in joined.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
