import EngineAPI
import Errors

/// Values of the flags for limits and devices.
enum ResourceSpec {
    /// `nofile=1024:2048`, `nproc=100`; -1 is no limit.
    static func ulimit(_ text: String) throws(BerthError) -> Ulimit {
        let (name, value) = Parse.pair(text)
        guard let value, !name.isEmpty else { throw .invalidArgument("invalid ulimit argument: \(text)") }
        let limits = value.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(limits.count), let soft = Int64(limits[0]), let hard = Int64(limits[limits.count - 1])
        else { throw .invalidArgument("invalid ulimit argument: \(text): expected name=soft[:hard]") }
        if hard != -1, soft == -1 || soft > hard {
            throw .invalidArgument("ulimit soft limit must be less than or equal to hard limit: \(soft) > \(hard)")
        }
        return Ulimit(name: name, hard: hard, soft: soft)
    }

    /// `/dev/a[:/dev/b][:rwm]`.
    static func device(_ text: String) throws(BerthError) -> DeviceMapping {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        func isMode(_ text: String) -> Bool { !text.isEmpty && text.allSatisfy { "rwm".contains($0) } }
        var device = DeviceMapping(pathOnHost: parts[0], pathInContainer: parts[0], cgroupPermissions: "rwm")
        switch parts.count {
        case 1: break
        case 2:
            if isMode(parts[1]) { device.cgroupPermissions = parts[1] } else { device.pathInContainer = parts[1] }
        case 3 where isMode(parts[2]):
            device.pathInContainer = parts[1]
            device.cgroupPermissions = parts[2]
        default: throw .invalidArgument("invalid device specification: \(text)")
        }
        return device
    }

    /// `/dev/sda:1mb`; nil when there are none.
    static func throttles(
        _ texts: [String], rate: (String) throws -> UInt64
    ) throws -> [ThrottleDevice]? {
        guard !texts.isEmpty else { return nil }
        return try texts.map { text in
            guard let colon = text.lastIndex(of: ":") else {
                throw BerthError.invalidArgument("bad format: \(text): expected <device-path>:<number>[<unit>]")
            }
            let value = String(text[text.index(after: colon)...])
            return ThrottleDevice(path: String(text[..<colon]), rate: try rate(value))
        }
    }

    /// `all`, a number, or `device=0,capabilities=…`.
    static func gpus(_ text: String) throws(BerthError) -> DeviceRequest {
        var request = DeviceRequest(capabilities: [["gpu"]])
        if text == "all" {
            request.count = -1
            return request
        }
        if let count = Int(text) {
            request.count = count
            return request
        }
        for field in text.split(separator: ",") {
            let (key, value) = Parse.pair(String(field))
            switch (key, value) {
            case ("all", nil): request.count = -1
            case ("count", let value?): request.count = value == "all" ? -1 : try Parse.int(value)
            case ("device", let value?): request.deviceIDs = (request.deviceIDs ?? []) + [value]
            case ("driver", let value?): request.driver = value
            case ("capabilities", let value?): request.capabilities = [["gpu", value]]
            default: throw .invalidArgument("invalid GPU request: \(text)")
            }
        }
        return request
    }
}

enum RestartSpec {
    /// `no`, `always`, `unless-stopped`, `on-failure[:times]`.
    static func parse(_ text: String?) throws(BerthError) -> RestartPolicy? {
        guard let text, !text.isEmpty else { return nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var policy = RestartPolicy(name: String(parts[0]))
        guard ["no", "always", "unless-stopped", "on-failure"].contains(policy.name) else {
            throw .invalidArgument(
                "invalid restart policy: unknown policy '\(policy.name)'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            )
        }
        if parts.count == 2 {
            guard let times = Int(parts[1]) else {
                throw .invalidArgument("invalid restart policy format: maximum retry count must be an integer")
            }
            policy.maximumRetryCount = times
        } else if parts.count > 2 {
            throw .invalidArgument("invalid restart policy format: too many colons in \"\(text)\"")
        }
        return policy
    }
}

enum SecuritySpec {
    /// The option as the daemon takes it: the content of a seccomp profile instead of its path.
    static func option(_ text: String, _ context: RequestContext) throws -> String {
        let separator: Character = text.contains("=") ? "=" : ":"
        let parts = text.split(separator: separator, maxSplits: 1).map(String.init)
        guard parts.count == 2, parts[0] == "seccomp", !["unconfined", "builtin"].contains(parts[1]) else {
            guard parts.count == 2 || text == "no-new-privileges" else {
                throw BerthError.invalidArgument("invalid --security-opt: \"\(text)\"")
            }
            return text
        }
        let profile = try context.read(context.folder.absolute(parts[1]))
        return "seccomp=" + (try JSONReader.read(Array(profile.utf8)).json)
    }

    static func unmasksSystemPaths(_ options: [String]) -> Bool {
        options.contains("systempaths=unconfined") || options.contains("systempaths:unconfined")
    }
}
