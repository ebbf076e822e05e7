extension Platform {
    /// The manifest of an index for this platform: the same variant before any other.
    public static func best(of manifests: [Descriptor], for wanted: Platform) -> Descriptor? {
        let fitting = manifests.filter { descriptor in
            descriptor.platform.map { $0.os == wanted.os && $0.architecture == wanted.architecture } ?? false
        }
        return fitting.first { $0.platform?.variant == wanted.variant }
            ?? fitting.first { ($0.platform ?? wanted).satisfies(wanted) }
            ?? (wanted.variant == nil ? fitting.first : nil)
            ?? (manifests.count == 1 && manifests[0].platform == nil ? manifests[0] : nil)
    }

    /// Whether an image of this platform is one for `wanted`.
    public func satisfies(_ wanted: Platform) -> Bool {
        guard os == wanted.os, architecture == wanted.architecture else { return false }
        // Every 64-bit ARM is v8.
        let standard = architecture == "arm64" ? "v8" : ""
        return wanted.variant == nil || (variant ?? standard) == wanted.variant
    }
}
