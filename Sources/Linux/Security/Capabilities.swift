import CLinux
import Glibc

/// A set of capabilities, one bit each, as in `capabilities(7)`.
public struct CapabilitySet: OptionSet, Sendable, Hashable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// In the kernel's numbering.
    static let names = [
        "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
        "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
        "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
        "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
        "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
        "CHECKPOINT_RESTORE",
    ]

    /// From names such as `CAP_CHOWN`, `chown` or `CHOWN`; nil for a name the kernel does not have.
    public init?(name: String) {
        let upper = name.uppercased()
        let bare = upper.hasPrefix("CAP_") ? String(upper.dropFirst(4)) : upper
        guard let index = Self.names.firstIndex(of: bare) else { return nil }
        self.init(rawValue: 1 << UInt64(index))
    }

    /// Unknown names are left out: a capability that this kernel lacks cannot be given.
    public init(names: some Sequence<String>) {
        self = names.reduce(into: []) { set, name in
            if let one = CapabilitySet(name: name) { set.insert(one) }
        }
    }

    public static let systemAdministration = CapabilitySet(rawValue: 1 << 21)  // CAP_SYS_ADMIN

    public static let all = CapabilitySet(rawValue: (1 << UInt64(names.count)) - 1)

    /// `CAP_…` names in the kernel's order.
    public var names: [String] {
        Self.names.indices.filter { rawValue & (1 << UInt64($0)) != 0 }.map { "CAP_" + Self.names[$0] }
    }

    /// What this process may ever have, and so may give.
    public static func bounding() -> CapabilitySet {
        names.indices.reduce(into: []) { set, index in
            if linux_prctl(PR_CAPBSET_READ, UInt(index), 0, 0, 0) == 1 {
                set.insert(CapabilitySet(rawValue: 1 << UInt64(index)))
            }
        }
    }
}

/// The five sets of a process.
public struct ProcessCapabilities: Sendable {
    public var bounding: CapabilitySet
    public var effective: CapabilitySet
    public var permitted: CapabilitySet
    public var inheritable: CapabilitySet
    public var ambient: CapabilitySet

    public init(
        bounding: CapabilitySet, effective: CapabilitySet, permitted: CapabilitySet, inheritable: CapabilitySet,
        ambient: CapabilitySet
    ) {
        self.bounding = bounding
        self.effective = effective
        self.permitted = permitted
        self.inheritable = inheritable
        self.ambient = ambient
    }

    /// Drops from the bounding set. Needs CAP_SETPCAP, so it comes before the user is changed.
    public func applyBounding() throws(SystemError) {
        let present = CapabilitySet.bounding()
        for index in CapabilitySet.names.indices {
            let one = CapabilitySet(rawValue: 1 << UInt64(index))
            guard present.contains(one), !bounding.contains(one) else { continue }
            try systemCall("prctl PR_CAPBSET_DROP", CapabilitySet.names[index]) {
                linux_prctl(PR_CAPBSET_DROP, UInt(index), 0, 0, 0)
            }
        }
    }

    /// Keeps permitted capabilities over the change of user, until `apply`.
    public static func keepOverUserChange() throws(SystemError) {
        try systemCall("prctl PR_SET_KEEPCAPS") { linux_prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) }
    }

    /// Sets effective, permitted, inheritable and ambient. What the host lacks is left out.
    ///
    /// `keeping` stays permitted and effective besides, for a last step that needs it, after which
    /// `apply` is called again without it. It is not added to what `execve` hands on.
    public func apply(keeping extra: CapabilitySet = []) throws(SystemError) {
        let owned = CapabilitySet.bounding()
        let permitted = permitted.intersection(owned).union(extra)
        let effective = effective.intersection(permitted).union(extra)
        let inheritable = inheritable.intersection(owned)
        func low(_ set: CapabilitySet) -> UInt32 { UInt32(truncatingIfNeeded: set.rawValue) }
        func high(_ set: CapabilitySet) -> UInt32 { UInt32(truncatingIfNeeded: set.rawValue >> 32) }
        var header = __user_cap_header_struct(version: 0x2008_0522, pid: 0)
        var data = (
            __user_cap_data_struct(
                effective: low(effective), permitted: low(permitted), inheritable: low(inheritable)),
            __user_cap_data_struct(
                effective: high(effective), permitted: high(permitted), inheritable: high(inheritable))
        )
        try systemCall("capset") {
            withUnsafeMutablePointer(to: &header) { header in
                withUnsafeMutablePointer(to: &data) {
                    linux_syscall(LINUX_SYS_capset, Int(bitPattern: header), Int(bitPattern: $0), 0, 0, 0, 0)
                }
            }
        }
        try systemCall("prctl PR_CAP_AMBIENT_CLEAR_ALL") { linux_prctl(PR_CAP_AMBIENT, 4, 0, 0, 0) }
        for index in CapabilitySet.names.indices {
            let one = CapabilitySet(rawValue: 1 << UInt64(index))
            guard ambient.contains(one), permitted.contains(one), inheritable.contains(one) else { continue }
            try systemCall("prctl PR_CAP_AMBIENT_RAISE", CapabilitySet.names[index]) {
                linux_prctl(PR_CAP_AMBIENT, 2, UInt(index), 0, 0)
            }
        }
    }
}
