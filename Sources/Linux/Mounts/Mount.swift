import CLinux
import Glibc

/// The mount API of Linux 5.2 and later: a file system is made and configured as a descriptor and
/// is nowhere in the tree until it is attached. Closing an unattached mount unmounts it.
public enum Mount {
    /// Attributes of a mount, `MOUNT_ATTR_*`.
    public struct Attributes: OptionSet, Sendable {
        public let rawValue: UInt64
        public init(rawValue: UInt64) { self.rawValue = rawValue }

        public static let readOnly = Attributes(rawValue: 0x1)
        public static let noSetID = Attributes(rawValue: 0x2)
        public static let noDevices = Attributes(rawValue: 0x4)
        public static let noExecution = Attributes(rawValue: 0x8)
        public static let noAccessTimes = Attributes(rawValue: 0x10)
        public static let strictAccessTimes = Attributes(rawValue: 0x20)
        public static let noDirectoryAccessTimes = Attributes(rawValue: 0x80)
        /// All that says when access times are kept; 0 is the kernel's default (`relatime`).
        public static let accessTimeModes = Attributes(rawValue: 0x70)
        public static let noSymbolicLinks = Attributes(rawValue: 0x200000)
    }

    /// A file system being configured (`fsopen`).
    public struct Configuration {
        let context: FileDescriptor
        let type: String

        public init(_ type: String) throws(SystemError) {
            self.type = type
            context = FileDescriptor(
                owning: Int32(
                    try type.withPointer { (name) throws(SystemError) in
                        try rawSystemCall("fsopen", type, LINUX_SYS_fsopen, Int(bitPattern: name), 1)
                    }))
        }

        public func set(_ key: String, _ value: String) throws(SystemError) {
            try configure(command: 1, key: key, value: value)
        }

        /// An option without a value, such as `ro`.
        public func setFlag(_ key: String) throws(SystemError) {
            try configure(command: 0, key: key, value: nil)
        }

        /// Creates the superblock and returns it as a mount that is not attached anywhere.
        public func mount(_ attributes: Attributes = []) throws(SystemError) -> FileDescriptor {
            try configure(command: 6, key: nil, value: nil)
            return FileDescriptor(
                owning: Int32(
                    try rawSystemCall(
                        "fsmount", type, LINUX_SYS_fsmount, Int(context.rawValue), 1, Int(attributes.rawValue))))
        }

        private func configure(command: Int, key: String?, value: String?) throws(SystemError) {
            func call(_ key: UnsafePointer<CChar>?, _ value: UnsafePointer<CChar>?) throws(SystemError) {
                try rawSystemCall(
                    "fsconfig",
                    [type, key.map { String(cString: $0) }, value.map { String(cString: $0) }]
                        .compactMap { $0 }.joined(separator: " "),
                    LINUX_SYS_fsconfig, Int(context.rawValue), command, Int(bitPattern: key),
                    Int(bitPattern: value))
            }
            switch (key, value) {
            case (nil, _):
                try call(nil, nil)
            case (let key?, nil):
                try key.withPointer { (key) throws(SystemError) in try call(key, nil) }
            case (let key?, let value?):
                try key.withPointer { (key) throws(SystemError) in
                    try value.withPointer { (value) throws(SystemError) in try call(key, value) }
                }
            }
        }
    }

    /// A copy of the mount at `path` (`open_tree` with `OPEN_TREE_CLONE`), attached nowhere.
    public static func clone(
        _ path: String, in directory: FileDescriptor? = nil, recursive: Bool = false
    ) throws(SystemError) -> FileDescriptor {
        // OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH (| AT_RECURSIVE)
        let flags = 1 | Int(O_CLOEXEC) | 0x1000 | (recursive ? 0x8000 : 0)
        return FileDescriptor(
            owning: Int32(
                try path.withPointer { (pointer) throws(SystemError) in
                    try rawSystemCall(
                        "open_tree", path, LINUX_SYS_open_tree, Int(directory?.rawValue ?? AT_FDCWD),
                        Int(bitPattern: pointer), flags)
                }))
    }

    /// Attaches a detached mount on top of what `target` refers to.
    public static func attach(_ mount: FileDescriptor, on target: FileDescriptor) throws(SystemError) {
        try "".withPointer { (empty) throws(SystemError) in
            // MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
            try rawSystemCall(
                "move_mount", "", LINUX_SYS_move_mount, Int(mount.rawValue), Int(bitPattern: empty),
                Int(target.rawValue), Int(bitPattern: empty), 0x4 | 0x40)
        }
    }

    /// Attaches a detached mount at a path of the host.
    public static func attach(_ mount: FileDescriptor, at path: String) throws(SystemError) {
        try "".withPointer { (empty) throws(SystemError) in
            try path.withPointer { (pointer) throws(SystemError) in
                try rawSystemCall(
                    "move_mount", path, LINUX_SYS_move_mount, Int(mount.rawValue), Int(bitPattern: empty),
                    Int(AT_FDCWD), Int(bitPattern: pointer), 0x4)
            }
        }
    }

    /// What a mount passes on to and takes from its peers.
    public enum Propagation: UInt64, Sendable {
        case shared = 0x100000
        case slave = 0x80000
        case `private` = 0x40000
        case unbindable = 0x20000
    }

    /// `mount_setattr` on what `mount` refers to, and on all below it when `recursive`.
    public static func setAttributes(
        _ mount: FileDescriptor, set: Attributes = [], clear: Attributes = [], propagation: Propagation? = nil,
        userNamespace: FileDescriptor? = nil, recursive: Bool = false
    ) throws(SystemError) {
        var attributes = mount_attr()
        attributes.attr_set = set.rawValue | (userNamespace == nil ? 0 : 0x100000)
        attributes.attr_clr = clear.rawValue
        if !set.intersection([.noAccessTimes, .strictAccessTimes]).isEmpty {
            attributes.attr_clr |= 0x70  // the access-time modes are one field, cleared as a whole
        }
        attributes.propagation = propagation?.rawValue ?? 0
        attributes.userns_fd = UInt64(userNamespace?.rawValue ?? 0)
        try "".withPointer { (empty) throws(SystemError) in
            let flags = 0x1000 | (recursive ? 0x8000 : 0)
            try systemCall("mount_setattr") {
                withUnsafeMutablePointer(to: &attributes) {
                    linux_syscall(
                        LINUX_SYS_mount_setattr, Int(mount.rawValue), Int(bitPattern: empty), flags,
                        Int(bitPattern: $0), MemoryLayout<mount_attr>.size, 0)
                }
            }
        }
    }

    /// `mount(2)`, for what the newer calls do not do and for kernels that lack them.
    public static func legacy(
        source: String?, target: String, type: String?, flags: UInt = 0, data: String? = nil
    ) throws(SystemError) {
        guard let data else {
            try systemCall("mount", target) { mount(source, target, type, flags, nil) }
            return
        }
        try data.withPointer { (data) throws(SystemError) in
            try systemCall("mount", target) { mount(source, target, type, flags, data) }
        }
    }

    /// `umount2(2)`; `detached` unmounts lazily.
    public static func unmount(_ path: String, detached: Bool = true) throws(SystemError) {
        try systemCall("umount2", path) { umount2(path, detached ? 2 : 0) }
    }
}

extension Mount {
    /// A copy of the mount at `path`, resolved inside `directory` as if that were the root.
    public static func clone(
        _ path: String, in directory: FileDescriptor, underRoot: Bool
    ) throws(SystemError) -> FileDescriptor {
        let place = try directory.openInRoot(path, FileDescriptor.pathOnly)
        return try clone("", in: place)
    }
}

/// `pivot_root(2)`.
public func pivotRoot(_ newRoot: String, _ putOld: String) throws(SystemError) {
    try newRoot.withPointer { (newRoot) throws(SystemError) in
        try putOld.withPointer { (putOld) throws(SystemError) in
            try rawSystemCall("pivot_root", "", LINUX_SYS_pivot_root, Int(bitPattern: newRoot), Int(bitPattern: putOld))
        }
    }
}
