import Linux
import OCI

/// Mount options of `config.json`, sorted into what the kernel wants to hear where.
struct MountOptions {
    var set: Mount.Attributes = []
    var clear: Mount.Attributes = []
    var isBind = false
    /// A bind takes the mounts below its source too.
    var isRecursive = false
    /// Attributes apply to all mounts below as well (`rro` and its like).
    var attributesAreRecursive = false
    var propagation: Mount.Propagation?
    var propagationIsRecursive = false
    /// `key=value` or flags for the file system itself.
    var data: [String] = []

    init(_ options: [String]) {
        for option in options { read(option) }
    }

    private mutating func read(_ option: String) {
        switch option {
        case "bind": isBind = true
        case "rbind":
            isBind = true
            isRecursive = true
        case "defaults", "rw": clear.insert(.readOnly)
        case "ro": set.insert(.readOnly)
        case "rro":
            set.insert(.readOnly)
            attributesAreRecursive = true
        case "suid": clear.insert(.noSetID)
        case "nosuid": set.insert(.noSetID)
        case "dev": clear.insert(.noDevices)
        case "nodev": set.insert(.noDevices)
        case "exec": clear.insert(.noExecution)
        case "noexec": set.insert(.noExecution)
        case "atime": clear.insert(.noAccessTimes)
        case "noatime": set.insert(.noAccessTimes)
        case "diratime": clear.insert(.noDirectoryAccessTimes)
        case "nodiratime": set.insert(.noDirectoryAccessTimes)
        case "strictatime": set.insert(.strictAccessTimes)
        case "relatime", "norelatime", "nostrictatime": break  // the kernel's own default
        case "symfollow": clear.insert(.noSymbolicLinks)
        case "nosymfollow": set.insert(.noSymbolicLinks)
        case "shared": propagation = .shared
        case "rshared": setRecursive(.shared)
        case "slave": propagation = .slave
        case "rslave": setRecursive(.slave)
        case "private": propagation = .private
        case "rprivate": setRecursive(.private)
        case "unbindable": propagation = .unbindable
        case "runbindable": setRecursive(.unbindable)
        // Words of other systems and of mount(8) that mean nothing to the kernel.
        case "async", "auto", "noauto", "user", "nouser", "users", "_netdev", "nofail", "z", "Z", "cached",
            "delegated", "consistent", "nocopy":
            break
        default: data.append(option)
        }
    }

    private mutating func setRecursive(_ propagation: Mount.Propagation) {
        self.propagation = propagation
        propagationIsRecursive = true
    }
}
