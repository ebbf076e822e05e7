import CLinux
import Glibc

/// The directories of an overlay.
public struct OverlayLayers: Sendable {
    /// Read-only directories, lowest first.
    public var lower: [String]
    /// What takes the writes; absent: the overlay is read-only.
    public var writable: Writable?

    /// `upper` and `work` are on one file system.
    public struct Writable: Sendable {
        public var upper: String
        public var work: String

        public init(upper: String, work: String) {
            self.upper = upper
            self.work = work
        }
    }

    public init(lower: [String], writable: Writable? = nil) {
        self.lower = lower
        self.writable = writable
    }
}

extension Mount {
    /// An overlay that is attached nowhere. An image without layers gets an empty lower directory,
    /// which the caller names.
    public static func overlay(_ layers: OverlayLayers, attributes: Attributes = []) throws(SystemError)
        -> FileDescriptor
    {
        do throws(SystemError) {
            let overlay = try Configuration("overlay")
            // One call per layer, topmost first: no limit on the length of an option string.
            for directory in layers.lower.reversed() { try overlay.set("lowerdir+", directory) }
            return try finish(overlay, layers, attributes)
        } catch {
            // `lowerdir+` came with Linux 6.8 (the message before is EINVAL for an unknown option).
            guard error.errno == EINVAL, error.call == "fsconfig", error.subject.contains("lowerdir+") else {
                throw error
            }
        }
        let overlay = try Configuration("overlay")
        try overlay.set("lowerdir", layers.lower.reversed().map(escaped).joined(separator: ":"))
        return try finish(overlay, layers, attributes)
    }

    private static func finish(
        _ overlay: Configuration, _ layers: OverlayLayers, _ attributes: Attributes
    ) throws(SystemError) -> FileDescriptor {
        if let writable = layers.writable {
            try overlay.set("upperdir", writable.upper)
            try overlay.set("workdir", writable.work)
        }
        // An index would tie the upper directory to these very lower directories for good.
        try overlay.set("source", "overlay")
        try overlay.set("index", "off")
        try overlay.set("xino", "off")
        // Where a kernel turns these on, the upper directory would hold references instead of files.
        try overlay.set("redirect_dir", "off")
        try overlay.set("metacopy", "off")
        return try overlay.mount(attributes)
    }

    private static func escaped(_ path: String) -> String {
        var text = ""
        for character in path {
            if character == ":" || character == "\\" || character == "," { text.append("\\") }
            text.append(character)
        }
        return text
    }
}
