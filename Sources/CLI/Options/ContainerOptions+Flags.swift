import Errors

extension ContainerOptions {
    static let flags: [Flag<ContainerOptions>] = process + storage + network + resources + isolation + life

    private static let process: [Flag<ContainerOptions>] = [
        .list(\.attach, "attach", "a", "Stream to attach to: stdin, stdout or stderr (repeatable)"),
        .bool(\.caBundle, "ca-bundle", nil, "Give the container this host's certificate authorities"),
        .string(\.cidFile, "cidfile", nil, "File that receives the container's ID"),
        .string(\.domainName, "domainname", nil, "NIS domain name"),
        .string(\.entrypoint, "entrypoint", nil, "Program to run instead of the image's"),
        .list(\.environment, "env", "e", "Variable of the environment (NAME=value, or NAME to pass on one's own)"),
        .list(\.environmentFiles, "env-file", nil, "File with variables of the environment, one a line"),
        .string(\.hostname, "hostname", "h", "Host name"),
        .bool(\.usesInit, "init", nil, "Run an init inside the container that forwards signals and reaps processes"),
        .bool(\.interactive, "interactive", "i", "Keep the input open"),
        .list(\.labels, "label", "l", "Label of the container (key=value)"),
        .list(\.labelFiles, "label-file", nil, "File with labels, one a line"),
        .list(\.annotations, "annotation", nil, "Annotation for the OCI runtime (key=value)", value: "map"),
        .string(\.name, "name", nil, "Name of the container"),
        .string(\.platform, "platform", nil, "Platform to choose (os/arch)"),
        .custom(
            \.pull, "pull", nil, "When to pull the image (\"always\", \"missing\", \"never\")", value: "string",
            fallback: "\"missing\"", parsePullPolicy),
        .bool(\.quiet, "quiet", "q", "Print nothing while pulling"),
        .string(\.stopSignal, "stop-signal", nil, "Signal that stops it"),
        .int(\.stopTimeout, "stop-timeout", nil, "Seconds until it is killed when it is stopped"),
        .bool(\.tty, "tty", "t", "Give it a terminal"),
        .string(\.user, "user", "u", "User, and perhaps group, to run as (name or number)"),
        .string(\.workingDirectory, "workdir", "w", "Working directory in the container"),
        .ignored("disable-content-trust", takesValue: false),
        .ignored("use-api-socket", takesValue: false),
    ]

    private static let storage: [Flag<ContainerOptions>] = [
        .list(\.mounts, "mount", nil, "Mount, in the long form (type=…,source=…,target=…)", value: "mount"),
        .bool(\.readOnly, "read-only", nil, "Let nothing change its root file system"),
        .bytes(\.shmSize, "shm-size", nil, "Size of /dev/shm"),
        .list(\.storageOptions, "storage-opt", nil, "Option of the storage driver (key=value)"),
        .list(\.tmpfs, "tmpfs", nil, "Path to mount memory at ([path][:options])"),
        .list(\.volumes, "volume", "v", "Volume or path to mount (source:target[:options])"),
        .string(\.volumeDriver, "volume-driver", nil, "Driver of its volumes"),
        .list(\.volumesFrom, "volumes-from", nil, "Container whose volumes it gets too"),
    ]

    private static let network: [Flag<ContainerOptions>] = [
        .list(\.extraHosts, "add-host", nil, "Resolve a name to an address (name:address, or name:host-gateway)"),
        .list(\.dns, "dns", nil, "DNS server"),
        .list(\.dnsOptions, "dns-option", nil, "Option of the resolver"),
        .list(\.dnsOptions, "dns-opt", nil, "Option of the resolver").hidden(),
        .list(\.dnsSearch, "dns-search", nil, "Domain to search for short names"),
        .list(\.expose, "expose", nil, "Port or range that it listens on"),
        .string(\.ip, "ip", nil, "IPv4 address to take"),
        .string(\.ip6, "ip6", nil, "IPv6 address to take"),
        .list(\.links, "link", nil, "Make another container known by a name (container:name)"),
        .list(\.linkLocalAddresses, "link-local-ip", nil, "Link-local address to take"),
        .string(\.macAddress, "mac-address", nil, "MAC address to take"),
        .list(\.networks, "network", nil, "Network to connect to (repeatable)", value: "network"),
        .list(\.networks, "net", nil, "Network to connect to (repeatable)", value: "network").hidden(),
        .list(\.networkAliases, "network-alias", nil, "Further name of the container on the network"),
        .list(\.networkAliases, "net-alias", nil, "Further name of the container on the network").hidden(),
        .list(\.publish, "publish", "p", "Publish a port ([address:][host:]container[/protocol])"),
        .bool(\.publishAll, "publish-all", "P", "Publish every exposed port at a free one of the host"),
    ]

    private static let resources: [Flag<ContainerOptions>] = [
        .int(\.blkioWeight, "blkio-weight", nil, "Weight of its block I/O (10 to 1000, 0 for none)"),
        .string(\.cgroupParent, "cgroup-parent", nil, "Cgroup that its own is made in"),
        .int(\.cpuPeriod, "cpu-period", nil, "Period of the CPU quota in microseconds"),
        .int(\.cpuQuota, "cpu-quota", nil, "Microseconds of CPU time in each period"),
        .int(\.cpuShares, "cpu-shares", "c", "Weight of its CPU time"),
        .custom(\.cpus, "cpus", nil, "Number of CPUs it may use", value: "decimal", Parse.nanoCPUs),
        .string(\.cpusetCPUs, "cpuset-cpus", nil, "CPUs it may run on (0-3, or 0,1)"),
        .string(\.cpusetMemory, "cpuset-mems", nil, "Memory nodes it may use (0-3, or 0,1)"),
        .list(\.devices, "device", nil, "Device of the host (host[:container][:rwm])"),
        .list(\.deviceRules, "device-cgroup-rule", nil, "Rule for devices, as the kernel writes them"),
        .list(\.deviceReadBps, "device-read-bps", nil, "Most bytes a second to read from a device (path:rate)"),
        .list(\.deviceReadIOps, "device-read-iops", nil, "Most reads a second from a device (path:rate)"),
        .list(\.deviceWriteBps, "device-write-bps", nil, "Most bytes a second to write to a device (path:rate)"),
        .list(\.deviceWriteIOps, "device-write-iops", nil, "Most writes a second to a device (path:rate)"),
        .string(
            \.gpus, "gpus", nil, "GPUs to hand over (\"all\", a number, or device=…)", value: "gpu-request"),
        .bytes(\.memory, "memory", "m", "Most memory it may use"),
        .bytes(\.memoryReservation, "memory-reservation", nil, "Memory it is cut back to when the host runs short"),
        .custom(
            \.memorySwap, "memory-swap", nil, "Most memory and swap together (-1 for unlimited swap)",
            value: "bytes", Parse.bytesOrUnlimited),
        .int(\.memorySwappiness, "memory-swappiness", nil, "How readily its memory is swapped out (0 to 100)"),
        .bool(\.oomKillDisable, "oom-kill-disable", nil, "Do not kill its processes when memory runs out"),
        .int(
            \.oomScoreAdjustment, "oom-score-adj", nil,
            "How readily its processes are killed when the host runs out of memory (-1000 to 1000)"),
        .int(\.pidsLimit, "pids-limit", nil, "Most processes it may have (-1 for any number)"),
        .list(\.ulimits, "ulimit", nil, "Limit of a process (name=soft[:hard])", value: "ulimit"),
        .ignored("kernel-memory", takesValue: true),
        .ignored("cpu-rt-period", takesValue: true),
        .ignored("cpu-rt-runtime", takesValue: true),
        .ignored("blkio-weight-device", takesValue: true),
    ]

    private static let isolation: [Flag<ContainerOptions>] = [
        .list(\.capAdd, "cap-add", nil, "Capability to add"),
        .list(\.capDrop, "cap-drop", nil, "Capability to take away"),
        .string(\.cgroupMode, "cgroupns", nil, "Cgroup namespace: host or private"),
        .list(\.groups, "group-add", nil, "Further group of the process"),
        .string(\.ipcMode, "ipc", nil, "IPC namespace: none, private, shareable, host or container:NAME"),
        .string(\.pidMode, "pid", nil, "PID namespace: host or container:NAME"),
        .bool(\.privileged, "privileged", nil, "Give it all privileges"),
        .string(\.runtime, "runtime", nil, "OCI runtime to use"),
        .list(\.securityOptions, "security-opt", nil, "Security option (such as no-new-privileges or seccomp=FILE)"),
        .list(\.sysctls, "sysctl", nil, "Kernel parameter (name=value)", value: "map"),
        .string(\.userMode, "userns", nil, "User namespace: host"),
        .string(\.utsMode, "uts", nil, "UTS namespace: host"),
        .ignored("isolation", takesValue: true),
    ]

    private static let life: [Flag<ContainerOptions>] = [
        .string(\.healthCommand, "health-cmd", nil, "Shell command that checks its health"),
        .duration(\.healthInterval, "health-interval", "Time between checks"),
        .int(\.healthRetries, "health-retries", nil, "Failed checks in a row that make it unhealthy"),
        .duration(\.healthStartInterval, "health-start-interval", "Time between checks while it starts"),
        .duration(
            \.healthStartPeriod, "health-start-period",
            "Time in which failed checks do not count"),
        .duration(\.healthTimeout, "health-timeout", "Most time for one check"),
        .string(\.logDriver, "log-driver", nil, "Driver of its log"),
        .list(\.logOptions, "log-opt", nil, "Option of the log driver (key=value)"),
        .bool(\.noHealthcheck, "no-healthcheck", nil, "Without the image's health check"),
        .string(\.restart, "restart", nil, "When to start it again after it exits", fallback: "\"no\""),
        .bool(\.autoRemove, "rm", nil, "Remove the container when it exits"),
    ]

    private static let parsePullPolicy: @Sendable (String) throws -> PullPolicy = { text in
        guard let policy = PullPolicy(rawValue: text) else {
            throw BerthError.invalidArgument("must be one of \"always\", \"missing\" or \"never\"")
        }
        return policy
    }
}
