import Linux
import OCI

/// Mount options of `config.json`, sorted into what the kernel wants to hear where. Of options that
/// contradict each other the last one counts.
struct MountOptions {
    /// What is set and cleared of one mount, or of it and all below it.
    struct AttributeChanges {
        var set: Mount.Attributes = []
        var clear: Mount.Attributes = []

        var isEmpty: Bool { self.set.isEmpty && clear.isEmpty }

        fileprivate mutating func apply(_ change: Change) {
            switch change {
            case .set(let attribute):
                set.insert(attribute)
                clear.remove(attribute)
            case .clear(let attribute):
                clear.insert(attribute)
                set.remove(attribute)
            case .accessTimes(let mode):
                // One field of several bits, changed as a whole.
                set = set.subtracting(.accessTimeModes).union(mode)
                clear.insert(.accessTimeModes)
            }
        }
    }

    fileprivate enum Change {
        case set(Mount.Attributes)
        case clear(Mount.Attributes)
        case accessTimes(Mount.Attributes)
    }

    var attributes = AttributeChanges()
    var recursiveAttributes = AttributeChanges()
    var isBind = false
    /// A bind takes the mounts below its source too.
    var isRecursive = false
    /// No new mount: what is mounted there gets these options.
    var isRemount = false
    var propagations: [(Mount.Propagation, recursive: Bool)] = []
    /// IDs are mapped as in the container's user namespace, or as the mount itself says.
    var mapsIDs = false
    var mapsIDsRecursively = false
    /// A tmpfs starts with a copy of what it covers.
    var copiesUp = false
    /// `key=value` or flags for the file system itself.
    var data: [String] = []

    init(_ options: [String]) {
        for option in options { read(option) }
    }

    private mutating func read(_ option: String) {
        if let change = Self.changes[option] { return attributes.apply(change) }
        if option.hasPrefix("r"), let change = Self.changes[String(option.dropFirst())] {
            return recursiveAttributes.apply(change)
        }
        if let propagation = Self.propagations[option] { return propagations.append(propagation) }
        switch option {
        case "bind": isBind = true
        case "rbind":
            isBind = true
            isRecursive = true
        case "remount": isRemount = true
        case "idmap": mapsIDs = true
        case "ridmap":
            mapsIDs = true
            mapsIDsRecursively = true
        case "tmpcopyup": copiesUp = true
        case _ where Self.ignored.contains(option): break
        default: data.append(option)
        }
    }

    private static let changes: [String: Change] = [
        "ro": .set(.readOnly), "rw": .clear(.readOnly),
        "nosuid": .set(.noSetID), "suid": .clear(.noSetID),
        "nodev": .set(.noDevices), "dev": .clear(.noDevices),
        "noexec": .set(.noExecution), "exec": .clear(.noExecution),
        "nodiratime": .set(.noDirectoryAccessTimes), "diratime": .clear(.noDirectoryAccessTimes),
        "nosymfollow": .set(.noSymbolicLinks), "symfollow": .clear(.noSymbolicLinks),
        "noatime": .accessTimes(.noAccessTimes), "strictatime": .accessTimes(.strictAccessTimes),
        "relatime": .accessTimes([]), "atime": .accessTimes([]), "norelatime": .accessTimes([]),
        "nostrictatime": .accessTimes([]),
    ]

    private static let propagations: [String: (Mount.Propagation, recursive: Bool)] = [
        "shared": (.shared, false), "rshared": (.shared, true),
        "slave": (.slave, false), "rslave": (.slave, true),
        "private": (.private, false), "rprivate": (.private, true),
        "unbindable": (.unbindable, false), "runbindable": (.unbindable, true),
    ]

    /// The defaults by name, and words of other systems and of mount(8) that mean nothing to the kernel.
    private static let ignored: Set<String> = [
        "defaults", "async", "auto", "noauto", "user", "nouser", "users", "_netdev", "nofail", "loud", "iversion",
        "noiversion", "nomand", "z", "Z", "U", "cached", "delegated", "consistent", "nocopy",
    ]

    /// All names that are understood, for `features`.
    static var known: [String] {
        let plain = [
            "async", "bind", "defaults", "dirsync", "idmap", "iversion", "lazytime", "loud", "mand", "noiversion",
            "nolazytime", "nomand", "rbind", "remount", "ridmap", "silent", "sync", "tmpcopyup",
        ]
        return (plain + changes.keys + changes.keys.map { "r" + $0 } + propagations.keys).sorted()
    }
}

/// What `features` tells of mounts.
public enum KnownMountOptions {
    public static var all: [String] { MountOptions.known }
}
