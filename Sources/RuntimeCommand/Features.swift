import ContainerRuntime
import Linux

/// `features` (`features.md` of the specification).
enum Features {
    static let versions = (lowest: "1.0.0", highest: "1.2.0")

    static var json: JSONValue {
        .object([
            ("ociVersionMin", .string(versions.lowest)), ("ociVersionMax", .string(versions.highest)),
            (
                "hooks",
                ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
            ),
            ("mountOptions", .strings(KnownMountOptions.all)), ("linux", linux),
            ("annotations", ["org.berth.runtime.version": "0.1.0"]),
        ])
    }

    private static var linux: JSONValue {
        .object([
            ("namespaces", ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]),
            ("capabilities", .strings(CapabilitySet.all.names)),
            ("cgroup", ["v1": true, "v2": true, "systemd": false, "systemdUser": false, "rdma": true]),
            ("seccomp", seccomp), ("apparmor", ["enabled": true]), ("selinux", ["enabled": true]),
            ("intelRdt", ["enabled": false]), ("mountExtensions", ["idmap": ["enabled": true]]),
        ])
    }

    private static var seccomp: JSONValue {
        .object([
            ("enabled", true), ("actions", .strings(KnownSeccomp.actions)),
            ("operators", .strings(KnownSeccomp.operators)), ("archs", .strings(KnownSeccomp.architectures)),
            ("knownFlags", .strings(KnownSeccomp.flags)), ("supportedFlags", .strings(KnownSeccomp.flags)),
        ])
    }
}
