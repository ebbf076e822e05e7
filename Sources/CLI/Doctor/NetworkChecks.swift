import Glibc
import Linux

/// Who resolves names.
struct NameServerCheck: BlockingCheck {
    func examine() -> [Finding] {
        let behind = try? Files.readText("/run/systemd/resolve/resolv.conf")
        return [Self.finding(try? Files.readText("/etc/resolv.conf"), behindStub: behind)]
    }

    static func servers(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(whereSeparator: \.isWhitespace)
            return words.first == "nameserver" && words.count > 1 ? String(words[1]) : nil
        }
    }

    /// - Parameter behindStub: the file of systemd-resolved that has the servers behind its own address.
    static func finding(_ text: String?, behindStub: String?) -> Finding {
        let servers = servers(text ?? "")
        guard !servers.isEmpty else {
            let fact = text == nil ? "/etc/resolv.conf cannot be read" : "/etc/resolv.conf names no server"
            return .problem("DNS", fact, repair: "echo 'nameserver 223.5.5.5' >> /etc/resolv.conf")
        }
        let listed = servers.joined(separator: ", ")
        guard servers.allSatisfy({ $0.hasPrefix("127.") || $0 == "::1" }) else { return .ok("DNS", listed) }
        if servers == ["127.0.0.53"] {
            let real = Self.servers(behindStub ?? "")
            guard !real.isEmpty else {
                return .warning(
                    "DNS", "\(listed) is systemd-resolved, which knows no server",
                    repair: "resolvectl dns LINK 223.5.5.5")
            }
            return .ok("DNS", "\(listed) is systemd-resolved; containers ask \(real.joined(separator: ", "))")
        }
        return .ok("DNS", "\(listed) on loopback; containers ask it through the host")
    }
}

/// Whether packets get from containers to the outside and back.
struct ForwardingCheck: BlockingCheck {
    let bridge: String
    let daemonRuns: Bool
    let programs: HostPrograms

    func examine() -> [Finding] {
        [Self.forwarding(kernelValue("/proc/sys/net/ipv4/ip_forward"), daemonRuns: daemonRuns)] + policies()
            + [Self.ports(kernelValue("/proc/sys/net/ipv4/ip_local_port_range"))] + firewalls()
    }

    static func forwarding(_ value: String?, daemonRuns: Bool) -> Finding {
        if value == "1" { return .ok("IP forwarding", "on") }
        guard daemonRuns else { return .ok("IP forwarding", "off; the daemon turns it on") }
        return .problem(
            "IP forwarding", "off: containers reach nobody outside", repair: "sysctl -w net.ipv4.ip_forward=1")
    }

    // MARK: Policies

    /// A chain that drops what it does not accept on its way through this host.
    struct DroppingChain: Equatable {
        var table: String
        var name: String
    }

    /// - Parameter text: what `nft list chains` prints.
    static func droppingChains(_ text: String) -> [DroppingChain] {
        var table = ""
        var chain = ""
        var found: [DroppingChain] = []
        for line in text.split(separator: "\n").map({ String($0).trimmingSpaces() }) {
            let words = line.split(separator: " ").map(String.init)
            if words.first == "table", words.count >= 3 { table = "\(words[1]) \(words[2])" }
            if words.first == "chain", words.count >= 2 { chain = words[1] }
            if line.contains("hook forward"), line.contains("policy drop"), !table.hasPrefix("bridge ") {
                found.append(DroppingChain(table: table, name: chain))
            }
        }
        return found
    }

    /// - Parameter rules: the chain as `nft list chain` prints it.
    static func finding(_ chain: DroppingChain, rules: String, bridge: String, docker: Bool) -> Finding {
        let name = "chain \(chain.name) of table \(chain.table)"
        if rules.contains("\"\(bridge)\"") {
            return .ok("FORWARD policy", "\(name) drops, but has rules for \(bridge)")
        }
        let rule = "nft insert rule \(chain.table) \(chain.name)"
        return .warning(
            "FORWARD policy", "\(name) drops\(docker ? " (Docker set it)" : ""): containers' packets may end there",
            repair: "\(rule) iifname \(bridge) accept && \(rule) oifname \(bridge) accept")
    }

    private func policies() -> [Finding] {
        guard geteuid() == 0 else { return [.ok("FORWARD policy", "not seen: that takes root")] }
        var findings: [Finding] = []
        let docker = !HostProcesses.named("dockerd").isEmpty
        for chain in Self.droppingChains(programs.output("nft", ["list", "chains"]) ?? "") {
            let words = ["list", "chain"] + chain.table.split(separator: " ").map(String.init) + [chain.name]
            findings.append(
                Self.finding(chain, rules: programs.output("nft", words) ?? "", bridge: bridge, docker: docker))
        }
        // The older filter has tables of its own, which nft does not show. To ask would load it.
        if kernelValue("/proc/net/ip_tables_names")?.contains("filter") == true,
            let rules = programs.output("iptables-legacy", ["-S", "FORWARD"]), Self.legacyDrops(rules, bridge: bridge)
        {
            let rule = "iptables-legacy -I FORWARD"
            findings.append(
                .warning(
                    "FORWARD policy", "iptables-legacy drops: containers' packets end there",
                    repair: "\(rule) -i \(bridge) -j ACCEPT && \(rule) -o \(bridge) -j ACCEPT"))
        }
        if docker { findings.append(.ok("Docker", "its daemon runs here, too; the two do not share anything")) }
        if findings.contains(where: { $0.subject == "FORWARD policy" }) { return findings }
        return findings + [
            programs.locate("nft") == nil
                ? .ok("FORWARD policy", "not seen: there is no nft program") : .ok("FORWARD policy", "accept")
        ]
    }

    /// - Parameter rules: what `iptables -S FORWARD` prints.
    static func legacyDrops(_ rules: String, bridge: String) -> Bool {
        let lines = rules.split(separator: "\n")
        return lines.contains { $0.hasPrefix("-P FORWARD DROP") } && !lines.contains { $0.contains(" \(bridge) ") }
    }

    // MARK: Ports and firewalls

    /// - Parameter text: `ip_local_port_range`, two numbers.
    static func ports(_ text: String?) -> Finding {
        let numbers = (text ?? "").split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        let repair = "sysctl -w net.ipv4.ip_local_port_range='32768 60999'"
        guard numbers.count == 2, numbers[1] >= numbers[0] else {
            return .warning("ports", "the range of free ports cannot be read", repair: repair)
        }
        let fact = "\(numbers[0])-\(numbers[1]) for `-P` and outgoing connections"
        return numbers[1] - numbers[0] < 1000 ? .warning("ports", fact, repair: repair) : .ok("ports", fact)
    }

    /// - Parameters:
    ///   - settings: `/etc/ufw/ufw.conf`.
    ///   - defaults: `/etc/default/ufw`.
    static func ufw(_ settings: String, _ defaults: String, bridge: String) -> Finding? {
        func value(_ key: String, _ text: String) -> String? {
            text.split(separator: "\n").map { Parse.pair(String($0)) }.last { $0.key == key }?.value
                .map { $0.filter { $0 != "\"" } }
        }
        guard value("ENABLED", settings)?.lowercased() == "yes" else { return nil }
        guard value("DEFAULT_FORWARD_POLICY", defaults)?.uppercased() == "ACCEPT" else {
            return .warning(
                "ufw", "active, and does not forward",
                repair: "ufw route allow in on \(bridge) && ufw route allow out on \(bridge)")
        }
        return .ok("ufw", "active, and forwards")
    }

    private func firewalls() -> [Finding] {
        var findings: [Finding] = []
        if let settings = try? Files.readText("/etc/ufw/ufw.conf"),
            let finding = Self.ufw(settings, (try? Files.readText("/etc/default/ufw")) ?? "", bridge: bridge)
        {
            findings.append(finding)
        }
        if !HostProcesses.named("firewalld").isEmpty {
            let zone = programs.output("firewall-cmd", ["--get-zone-of-interface=\(bridge)"])?.trimmingSpaces()
            findings.append(
                zone == "trusted"
                    ? .ok("firewalld", "active; \(bridge) is in its zone trusted")
                    : .warning(
                        "firewalld", "active, and \(bridge) is not in its zone trusted",
                        repair: "firewall-cmd --permanent --zone=trusted --add-interface=\(bridge) && "
                            + "firewall-cmd --reload"))
        }
        return findings.isEmpty ? [.ok("firewall", "neither ufw nor firewalld is active")] : findings
    }
}

/// Proxies that the shell has, and the daemon, which does the pulls, has not.
struct ProxyCheck: BlockingCheck {
    let shell: [String: String]
    let facts: DaemonFacts

    func examine() -> [Finding] {
        [Self.finding(shell: shell, daemon: facts.environment, facts.settings, restart: facts.restart)]
    }

    /// - Parameter daemon: its environment; nil when it is not seen.
    static func finding(shell: [String: String], daemon: [String: String]?, _ settings: DaemonSettings, restart: String)
        -> Finding
    {
        func proxy(_ name: String, in environment: [String: String]) -> String? {
            [name, name.lowercased()].compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        let kinds = [
            ("HTTP_PROXY", "http-proxy", settings.httpProxy), ("HTTPS_PROXY", "https-proxy", settings.httpsProxy),
        ]
        let wanted = kinds.compactMap { kind in proxy(kind.0, in: shell).map { (kind, $0) } }
        guard !wanted.isEmpty else {
            let set = kinds.compactMap { $0.2 ?? daemon.flatMap { [name = $0.0] in proxy(name, in: $0) } }
            return .ok("proxies", set.isEmpty ? "none" : "the daemon's: \(set.map(redacted).joined(separator: ", "))")
        }
        let missing = wanted.filter { wanted in
            (wanted.0.2 ?? "").isEmpty && daemon.map { proxy(wanted.0.0, in: $0) == nil } ?? false
        }
        guard missing.isEmpty else {
            let pairs = missing.map { "\"\($0.0.1)\": \"\(redacted($0.1))\"" }.joined(separator: ", ")
            return .warning(
                "proxies", "\(missing.map(\.0.0).joined(separator: " and ")) of this shell is not the daemon's",
                repair: "add \"proxies\": {\(pairs)} to \(settings.file), then \(restart)")
        }
        let seen = daemon != nil || wanted.allSatisfy { $0.0.2 != nil }
        return .ok(
            "proxies",
            "\(wanted.map { redacted($0.1) }.joined(separator: ", "))\(seen ? "" : "; the daemon's are not seen")")
    }

    /// Without the password that a proxy's address may have in it.
    static func redacted(_ address: String) -> String {
        guard let at = address.lastIndex(of: "@") else { return address }
        let scheme = address.firstRange(of: "://").map { String(address[..<$0.upperBound]) } ?? ""
        return "\(scheme)***\(address[at...])"
    }
}
