import Errors

extension ContainerOptions {
    static let flags: [Flag<ContainerOptions>] = process + storage + network + resources + isolation + life

    private static let process: [Flag<ContainerOptions>] = [
        .list(\.attach, "attach", "a", "Attach to STDIN, STDOUT or STDERR"),
        .bool(\.caBundle, "ca-bundle", nil, "Give the container this host's certificate authorities"),
        .string(\.cidFile, "cidfile", nil, "Write the container ID to the file"),
        .string(\.domainName, "domainname", nil, "Container NIS domain name"),
        .string(\.entrypoint, "entrypoint", nil, "Overwrite the default ENTRYPOINT of the image"),
        .list(\.environment, "env", "e", "Set environment variables"),
        .list(\.environmentFiles, "env-file", nil, "Read in a file of environment variables"),
        .string(\.hostname, "hostname", "h", "Container host name"),
        .bool(\.usesInit, "init", nil, "Run an init inside the container that forwards signals and reaps processes"),
        .bool(\.interactive, "interactive", "i", "Keep STDIN open even if not attached"),
        .list(\.labels, "label", "l", "Set meta data on a container"),
        .list(\.labelFiles, "label-file", nil, "Read in a line delimited file of labels"),
        .list(\.annotations, "annotation", nil, "Add an annotation to the container (passed through to the OCI runtime)", value: "map"),
        .string(\.name, "name", nil, "Assign a name to the container"),
        .string(\.platform, "platform", nil, "Set platform if server is multi-platform capable"),
        .custom(
            \.pull, "pull", nil, "Pull image before running (\"always\", \"missing\", \"never\")", value: "string",
            fallback: "\"missing\"", parsePullPolicy),
        .bool(\.quiet, "quiet", "q", "Suppress the pull output"),
        .string(\.stopSignal, "stop-signal", nil, "Signal to stop the container"),
        .int(\.stopTimeout, "stop-timeout", nil, "Timeout (in seconds) to stop a container"),
        .bool(\.tty, "tty", "t", "Allocate a pseudo-TTY"),
        .string(\.user, "user", "u", "Username or UID (format: <name|uid>[:<group|gid>])"),
        .string(\.workingDirectory, "workdir", "w", "Working directory inside the container"),
        .ignored("disable-content-trust", takesValue: false),
        .ignored("use-api-socket", takesValue: false),
    ]

    private static let storage: [Flag<ContainerOptions>] = [
        .list(\.mounts, "mount", nil, "Attach a filesystem mount to the container", value: "mount"),
        .bool(\.readOnly, "read-only", nil, "Mount the container's root filesystem as read only"),
        .bytes(\.shmSize, "shm-size", nil, "Size of /dev/shm"),
        .list(\.storageOptions, "storage-opt", nil, "Storage driver options for the container"),
        .list(\.tmpfs, "tmpfs", nil, "Mount a tmpfs directory"),
        .list(\.volumes, "volume", "v", "Bind mount a volume"),
        .string(\.volumeDriver, "volume-driver", nil, "Optional volume driver for the container"),
        .list(\.volumesFrom, "volumes-from", nil, "Mount volumes from the specified container(s)"),
    ]

    private static let network: [Flag<ContainerOptions>] = [
        .list(\.extraHosts, "add-host", nil, "Add a custom host-to-IP mapping (host:ip)"),
        .list(\.dns, "dns", nil, "Set custom DNS servers"),
        .list(\.dnsOptions, "dns-option", nil, "Set DNS options"),
        .list(\.dnsOptions, "dns-opt", nil, "Set DNS options").hidden(),
        .list(\.dnsSearch, "dns-search", nil, "Set custom DNS search domains"),
        .list(\.expose, "expose", nil, "Expose a port or a range of ports"),
        .string(\.ip, "ip", nil, "IPv4 address (e.g., 172.30.100.104)"),
        .string(\.ip6, "ip6", nil, "IPv6 address (e.g., 2001:db8::33)"),
        .list(\.links, "link", nil, "Add link to another container"),
        .list(\.linkLocalAddresses, "link-local-ip", nil, "Container IPv4/IPv6 link-local addresses"),
        .string(\.macAddress, "mac-address", nil, "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
        .list(\.networks, "network", nil, "Connect a container to a network", value: "network"),
        .list(\.networks, "net", nil, "Connect a container to a network", value: "network").hidden(),
        .list(\.networkAliases, "network-alias", nil, "Add network-scoped alias for the container"),
        .list(\.networkAliases, "net-alias", nil, "Add network-scoped alias for the container").hidden(),
        .list(\.publish, "publish", "p", "Publish a container's port(s) to the host"),
        .bool(\.publishAll, "publish-all", "P", "Publish all exposed ports to random ports"),
    ]

    private static let resources: [Flag<ContainerOptions>] = [
        .int(\.blkioWeight, "blkio-weight", nil, "Block IO (relative weight), between 10 and 1000, or 0 to disable"),
        .string(\.cgroupParent, "cgroup-parent", nil, "Optional parent cgroup for the container"),
        .int(\.cpuPeriod, "cpu-period", nil, "Limit CPU CFS (Completely Fair Scheduler) period"),
        .int(\.cpuQuota, "cpu-quota", nil, "Limit CPU CFS (Completely Fair Scheduler) quota"),
        .int(\.cpuShares, "cpu-shares", "c", "CPU shares (relative weight)"),
        .custom(\.cpus, "cpus", nil, "Number of CPUs", value: "decimal", Parse.nanoCPUs),
        .string(\.cpusetCPUs, "cpuset-cpus", nil, "CPUs in which to allow execution (0-3, 0,1)"),
        .string(\.cpusetMemory, "cpuset-mems", nil, "MEMs in which to allow execution (0-3, 0,1)"),
        .list(\.devices, "device", nil, "Add a host device to the container"),
        .list(\.deviceRules, "device-cgroup-rule", nil, "Add a rule to the cgroup allowed devices list"),
        .list(\.deviceReadBps, "device-read-bps", nil, "Limit read rate (bytes per second) from a device"),
        .list(\.deviceReadIOps, "device-read-iops", nil, "Limit read rate (IO per second) from a device"),
        .list(\.deviceWriteBps, "device-write-bps", nil, "Limit write rate (bytes per second) to a device"),
        .list(\.deviceWriteIOps, "device-write-iops", nil, "Limit write rate (IO per second) to a device"),
        .string(
            \.gpus, "gpus", nil, "GPU devices to add to the container ('all' to pass all GPUs)", value: "gpu-request"),
        .bytes(\.memory, "memory", "m", "Memory limit"),
        .bytes(\.memoryReservation, "memory-reservation", nil, "Memory soft limit"),
        .custom(
            \.memorySwap, "memory-swap", nil, "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
            value: "bytes", Parse.bytesOrUnlimited),
        .int(\.memorySwappiness, "memory-swappiness", nil, "Tune container memory swappiness (0 to 100)"),
        .bool(\.oomKillDisable, "oom-kill-disable", nil, "Disable OOM Killer"),
        .int(\.oomScoreAdjustment, "oom-score-adj", nil, "Tune host's OOM preferences (-1000 to 1000)"),
        .int(\.pidsLimit, "pids-limit", nil, "Tune container pids limit (set -1 for unlimited)"),
        .list(\.ulimits, "ulimit", nil, "Ulimit options", value: "ulimit"),
        .ignored("kernel-memory", takesValue: true),
        .ignored("cpu-rt-period", takesValue: true),
        .ignored("cpu-rt-runtime", takesValue: true),
        .ignored("blkio-weight-device", takesValue: true),
    ]

    private static let isolation: [Flag<ContainerOptions>] = [
        .list(\.capAdd, "cap-add", nil, "Add Linux capabilities"),
        .list(\.capDrop, "cap-drop", nil, "Drop Linux capabilities"),
        .string(\.cgroupMode, "cgroupns", nil, "Cgroup namespace to use (host|private)"),
        .list(\.groups, "group-add", nil, "Add additional groups to join"),
        .string(\.ipcMode, "ipc", nil, "IPC mode to use"),
        .string(\.pidMode, "pid", nil, "PID namespace to use"),
        .bool(\.privileged, "privileged", nil, "Give extended privileges to this container"),
        .string(\.runtime, "runtime", nil, "Runtime to use for this container"),
        .list(\.securityOptions, "security-opt", nil, "Security Options"),
        .list(\.sysctls, "sysctl", nil, "Sysctl options", value: "map"),
        .string(\.userMode, "userns", nil, "User namespace to use"),
        .string(\.utsMode, "uts", nil, "UTS namespace to use"),
        .ignored("isolation", takesValue: true),
    ]

    private static let life: [Flag<ContainerOptions>] = [
        .string(\.healthCommand, "health-cmd", nil, "Command to run to check health"),
        .duration(\.healthInterval, "health-interval", "Time between running the check (ms|s|m|h)"),
        .int(\.healthRetries, "health-retries", nil, "Consecutive failures needed to report unhealthy"),
        .duration(\.healthStartInterval, "health-start-interval", "Time between running the check during the start period"),
        .duration(
            \.healthStartPeriod, "health-start-period",
            "Start period for the container to initialize before starting health-retries countdown"),
        .duration(\.healthTimeout, "health-timeout", "Maximum time to allow one check to run"),
        .string(\.logDriver, "log-driver", nil, "Logging driver for the container"),
        .list(\.logOptions, "log-opt", nil, "Log driver options"),
        .bool(\.noHealthcheck, "no-healthcheck", nil, "Disable any container-specified HEALTHCHECK"),
        .string(\.restart, "restart", nil, "Restart policy to apply when a container exits", fallback: "\"no\""),
        .bool(\.autoRemove, "rm", nil, "Automatically remove the container when it exits"),
    ]

    private static let parsePullPolicy: @Sendable (String) throws -> PullPolicy = { text in
        guard let policy = PullPolicy(rawValue: text) else {
            throw BerthError.invalidArgument("must be one of \"always\", \"missing\" or \"never\"")
        }
        return policy
    }
}
