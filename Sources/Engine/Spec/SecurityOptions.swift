import EngineAPI
import Errors
import Linux

/// `--security-opt`, taken apart.
struct SecurityOptions: Sendable {
    enum Seccomp: Sendable, Equatable {
        case standard
        case unconfined
        /// The text of a profile in Docker's JSON format.
        case profile(String)
    }

    var seccomp = Seccomp.standard
    var noNewPrivileges = false
    /// `systempaths=unconfined`: nothing of `/proc` and `/sys` is hidden.
    var showsSystemPaths = false

    init(_ host: HostConfig) throws(BerthError) {
        for option in host.securityOpt ?? [] { try read(option) }
        if host.privileged, seccomp == .standard { seccomp = .unconfined }
    }

    private mutating func read(_ option: String) throws(BerthError) {
        if option == "no-new-privileges" {
            noNewPrivileges = true
            return
        }
        if option == "disable" { return }
        // A colon is the old form; a profile may hold either sign, so the first one counts.
        guard let split = option.firstIndex(of: "=") ?? option.firstIndex(of: ":") else {
            throw .invalidArgument("invalid --security-opt 1: \"\(option)\"")
        }
        let key = option[..<split].prefix { $0 != ":" }
        let start = option.index(key.endIndex, offsetBy: 1)
        let value = String(option[start...])
        switch key {
        case "no-new-privileges":
            guard let flag = Self.boolean(value) else {
                throw .invalidArgument("invalid --security-opt 2: \"\(option)\"")
            }
            noNewPrivileges = flag
        case "seccomp":
            switch value {
            case "unconfined": seccomp = .unconfined
            case "builtin", "": seccomp = .standard
            default: seccomp = .profile(value)
            }
        case "systempaths":
            guard value == "unconfined" else { throw .invalidArgument("invalid --security-opt 2: \"\(option)\"") }
            showsSystemPaths = true
        case "apparmor": try checkAppArmor(value)
        // Labels mean something to SELinux only, which this engine does not drive.
        case "label": break
        default: throw .invalidArgument("invalid --security-opt 2: \"\(option)\"")
        }
    }

    /// On a host without AppArmor every profile is as good as none, as in Docker.
    private func checkAppArmor(_ profile: String) throws(BerthError) {
        if ["unconfined", "docker-default", ""].contains(profile) { return }
        guard (try? Files.readText("/sys/module/apparmor/parameters/enabled"))?.hasPrefix("Y") == true else { return }
        throw .invalidArgument(
            "the AppArmor profile \"\(profile)\" cannot be applied by this engine; use apparmor=unconfined")
    }

    private static func boolean(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "t", "true": true
        case "0", "f", "false": false
        default: nil
        }
    }
}
