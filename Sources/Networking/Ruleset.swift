import CNftables
import DNS
import Errors

/// The frame of Berth's nf_tables table: chains and their rules, which never change while the daemon
/// runs. What changes are the elements of the sets and maps that the rules look into.
///
/// A set whose type changes in a later version must get a new name: an existing table is adopted as
/// it is, with its elements, while only the rules are replaced.
struct Ruleset {
    let table: String
    /// Families in which it was Berth that turned the host into a router: nobody else asked for that,
    /// so what comes from no bridge and goes to none is dropped.
    let guarded: [IPAddress.Family]

    static let tablePrefix = "berth"

    enum SetName {
        static let bridges = "bridges"
        static let within = "within"
        static let `internal` = "internal"
        static func subnets(_ family: IPAddress.Family) -> String { "subnets\(family.digit)" }
        static func masquerade(_ family: IPAddress.Family) -> String { "masquerade\(family.digit)" }
        /// Ports of certain addresses of the host.
        static func published(_ family: IPAddress.Family) -> String { "published\(family.digit)" }
        /// Ports of all addresses of the host.
        static func publishedAny(_ family: IPAddress.Family) -> String { "published_any\(family.digit)" }
    }

    /// The table of the daemon whose default bridge has this name. It always starts with `berth`, so
    /// that no name is a keyword and everybody sees whose it is.
    static func tableName(defaultBridge: String) -> String {
        let allowed = defaultBridge.unicodeScalars.map { scalar -> Character in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
            return isPlain || scalar == "-" || scalar == "." ? Character(scalar) : "_"
        }
        let name = String(allowed)
        return name.hasPrefix(tablePrefix) ? name : tablePrefix + "_" + name
    }

    /// The script, which is one transaction. Whatever exists is kept, rules excepted.
    var script: String {
        let declarations =
            [
                "add set \(SetName.bridges) { type ifname; }",
                "add set \(SetName.within) { type ifname . ifname; }",
                "add set \(SetName.internal) { type ifname; }",
            ] + [IPAddress.Family.v4, .v6].flatMap(declarations)
        let chains = [prerouting, output, postrouting, forward, raw].flatMap { $0 }
        return (["add table"] + declarations + chains).map(qualified).joined(separator: "\n") + "\n"
    }

    /// `add set x …` becomes `add set inet <table> x …`.
    private func qualified(_ line: String) -> String {
        let words = line.split(separator: " ", maxSplits: 2)
        return (words.prefix(2).map(String.init) + ["inet", table] + words.dropFirst(2).map(String.init))
            .joined(separator: " ")
    }

    private func declarations(_ family: IPAddress.Family) -> [String] {
        let service = "inet_proto . inet_service"
        let target = "\(family.type) . inet_service"
        return [
            "add set \(SetName.subnets(family)) { type \(family.type); flags interval; }",
            "add set \(SetName.masquerade(family)) { type \(family.type); flags interval; }",
            "add map \(SetName.published(family)) { type \(family.type) . \(service) : \(target); }",
            "add map \(SetName.publishedAny(family)) { type \(service) : \(target); }",
        ]
    }

    private func chain(_ name: String, _ hook: String, _ rules: [String]) -> [String] {
        ["add chain \(name) { \(hook); policy accept; }", "flush chain \(name)"]
            + rules.map { "add rule \(name) \($0)" }
    }

    /// The two ways to a published port: a certain address first, then any address of the host.
    private var translation: [String] {
        [IPAddress.Family.v4, .v6].flatMap { family in
            let ip = family.keyword
            let service = "meta l4proto . th dport"
            return [
                "dnat \(ip) to \(ip) daddr . \(service) map @\(SetName.published(family))",
                "meta nfproto \(family.nfproto) fib daddr type local"
                    + " dnat \(ip) to \(service) map @\(SetName.publishedAny(family))",
            ]
        }
    }

    /// From the network and from containers.
    private var prerouting: [String] { chain("prerouting", "type nat hook prerouting priority dstnat", translation) }

    /// From the host itself.
    private var output: [String] { chain("output", "type nat hook output priority -100", translation) }

    private var postrouting: [String] {
        let loopback =
            // 127.0.0.1 has no meaning beyond the host: a container would answer itself.
            "ip saddr 127.0.0.0/8 oifname @\(SetName.bridges) masquerade"
        let perFamily = [IPAddress.Family.v4, .v6].flatMap { family in
            [
                // A container that reached another one by way of a published port must be answered by
                // the same way; on the same bridge the answer would go there directly.
                "\(family.keyword) saddr @\(SetName.subnets(family)) ct status dnat oifname @\(SetName.bridges)"
                    + " masquerade",
                "\(family.keyword) saddr @\(SetName.masquerade(family)) oifname != @\(SetName.bridges) masquerade",
            ]
        }
        return chain("postrouting", "type nat hook postrouting priority srcnat", [loopback] + perFamily)
    }

    /// The order is the policy: answers, then neighbours, then internal networks end; into a bridge
    /// only published ports lead, out of one everything does.
    private var forward: [String] {
        var rules = [
            "ct state established,related accept",
            "iifname . oifname @\(SetName.within) accept",
            "iifname @\(SetName.internal) drop",
            "oifname @\(SetName.internal) drop",
            "ct status dnat oifname @\(SetName.bridges) accept",
            "oifname @\(SetName.bridges) drop",
        ]
        if !guarded.isEmpty {
            // Bridges of other engines, and of other daemons of ours, look after themselves. (A test for
            // "no bridge" cannot be written: real hardware has no kind and matches neither way.)
            rules += [#"meta iifkind "bridge" accept"#, #"meta oifkind "bridge" accept"#]
            rules += guarded.map { "meta nfproto \($0.nfproto) drop" }
        }
        return chain("forward", "type filter hook forward priority filter", rules)
    }

    /// `route_localnet`, which published ports on 127.0.0.1 need, would let a container address the
    /// host's loopback services directly.
    private var raw: [String] {
        chain(
            "raw", "type filter hook prerouting priority raw",
            ["ip daddr 127.0.0.0/8 iifname @\(SetName.bridges) drop"])
    }

    /// Hands the script to the kernel, all or nothing.
    func apply() throws(BerthError) { try Self.run(script) }

    /// Removes the table with everything in it. Absent is fine.
    func remove() throws(BerthError) { try Self.run("add table inet \(table)\ndelete table inet \(table)\n") }

    private static func run(_ script: String) throws(BerthError) {
        guard let context = nft_ctx_new(UInt32(NFT_CTX_DEFAULT)) else {
            throw .internal("nf_tables: cannot open a context")
        }
        defer { nft_ctx_free(context) }
        nft_ctx_buffer_output(context)
        nft_ctx_buffer_error(context)
        guard nft_run_cmd_from_buffer(context, script) != 0 else { return }
        let reason = nft_ctx_get_error_buffer(context).map { String(cString: $0) } ?? ""
        throw .internal(
            """
            the kernel refused the nf_tables rules of container networks; it needs nf_tables with NAT (modules \
            nf_tables, nft_nat, nft_masq, nft_fib_inet): \(reason)
            """)
    }
}

extension IPAddress.Family {
    fileprivate var digit: String { self == .v4 ? "4" : "6" }
    fileprivate var keyword: String { self == .v4 ? "ip" : "ip6" }
    fileprivate var nfproto: String { self == .v4 ? "ipv4" : "ipv6" }
    fileprivate var type: String { self == .v4 ? "ipv4_addr" : "ipv6_addr" }
}
