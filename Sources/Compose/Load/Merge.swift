import OrderedCollections

extension Tree {
    /// This tree with a later file's merged over it (Compose specification, "Merge").
    ///
    /// Mappings merge key by key, lists are joined, everything else is replaced. `MergeRule` has the
    /// exceptions; `!reset` and `!override` in the later file come before any rule.
    func merged(with later: Tree, at path: KeyPath = []) -> Tree {
        switch later.directive {
        case .override: return later.withoutDirective()
        case .reset: return Tree(.null, at: later.location, directive: .reset)
        case nil: break
        }
        let rule = MergeRule.rule(for: path)
        let left = rule.canonical(self)
        let right = rule.canonical(later)
        if case .replace = rule { return right }
        if case .replaceUnlessSameDriver = rule, left["driver"] != right["driver"], right["driver"] != nil,
            left["driver"] != nil
        {
            return right
        }
        switch (left.content, right.content) {
        case (.mapping(var entries), .mapping(let laterEntries)):
            for (key, value) in laterEntries {
                // A null variable is one taken from the environment, which replaces what was set before.
                if case .keyValues = rule, value.isNull, value.directive == nil {
                    entries[key] = value
                } else {
                    entries[key] = entries[key]?.merged(with: value, at: path + [key]) ?? value
                }
            }
            return Tree(.mapping(entries), at: left.location)
        case (.sequence(let items), .sequence(let laterItems)):
            return Tree(.sequence(rule.join(items, laterItems)), at: left.location)
        // `key:` with nothing behind it says nothing about the earlier file's value.
        case (_, .null): return left
        default: return right
        }
    }

    /// The tree without what is marked `!reset`, and with `!override` marks taken off.
    func resolvingDirectives() -> Tree {
        var copy = withoutDirective()
        switch content {
        case .mapping(let entries):
            copy.content = .mapping(
                entries.filter { $0.value.directive != .reset }.mapValues { $0.resolvingDirectives() })
        case .sequence(let items):
            copy.content = .sequence(items.filter { $0.directive != .reset }.map { $0.resolvingDirectives() })
        case .null, .scalar: break
        }
        return copy
    }

    private func withoutDirective() -> Tree { Tree(content, at: location) }

    typealias KeyPath = [String]
}

/// How values at one place of a Compose file are merged, where that differs from the general rule.
enum MergeRule {
    case general
    case replace
    /// `logging`: options of different drivers do not mix.
    case replaceUnlessSameDriver
    /// `KEY=VALUE` items or a mapping.
    case keyValues
    /// `host:address` items or a mapping.
    case hosts
    /// Names or a mapping of names to settings.
    case names
    /// A string that is short for a mapping with this one key.
    case shorthand(String)
    /// A list, or one string for a list of one; what is already there is not repeated.
    case uniqueList
    /// A list whose items replace earlier ones of the same identity.
    case keyedList(@Sendable (Tree) -> String?)

    static func rule(for path: Tree.KeyPath) -> MergeRule {
        let isService = path.count >= 3 && path[0] == "services"
        guard isService else {
            if path.count == 3, path[2] == "labels" || path[2] == "driver_opts" { return .keyValues }
            return .general
        }
        return serviceRules[path[2...].joined(separator: ".")] ?? wildcardRule(Array(path[2...]))
    }

    private static func wildcardRule(_ path: Tree.KeyPath) -> MergeRule {
        switch (path.first, path.count) {
        case ("networks", 3) where path[2] == "aliases" || path[2] == "link_local_ips": .uniqueList
        case ("networks", 3) where path[2] == "driver_opts": .keyValues
        case ("ulimits", 2): .replace
        default: .general
        }
    }

    private static let serviceRules: [String: MergeRule] = [
        "annotations": .keyValues,
        "build": .shorthand("context"),
        "build.additional_contexts": .keyValues,
        "build.args": .keyValues,
        "build.extra_hosts": .hosts,
        "build.labels": .keyValues,
        "build.ssh": .keyValues,
        "build.tags": .uniqueList,
        "cap_add": .uniqueList,
        "cap_drop": .uniqueList,
        "command": .replace,
        "configs": .keyedList { $0["target"]?.text ?? $0["source"]?.text ?? $0.text },
        "depends_on": .names,
        "deploy.labels": .keyValues,
        "devices": .keyedList(deviceTarget),
        "dns": .uniqueList,
        "dns_opt": .uniqueList,
        "dns_search": .uniqueList,
        "entrypoint": .replace,
        "env_file": .uniqueList,
        "environment": .keyValues,
        "expose": .uniqueList,
        "external_links": .uniqueList,
        "extra_hosts": .hosts,
        "group_add": .uniqueList,
        "healthcheck.test": .replace,
        "label_file": .uniqueList,
        "labels": .keyValues,
        "links": .uniqueList,
        "logging": .replaceUnlessSameDriver,
        "networks": .names,
        "ports": .keyedList(portIdentity),
        "profiles": .uniqueList,
        "secrets": .keyedList { $0["target"]?.text ?? $0["source"]?.text ?? $0.text },
        "security_opt": .uniqueList,
        "storage_opt": .keyValues,
        "sysctls": .keyValues,
        "tmpfs": .uniqueList,
        "volumes": .keyedList(mountTarget),
        "volumes_from": .uniqueList,
    ]

    /// Brings the forms that one value may be written in to a common one, so that they merge.
    func canonical(_ tree: Tree) -> Tree {
        switch self {
        case .general, .replace, .replaceUnlessSameDriver, .keyedList:
            return tree
        case .keyValues:
            return tree.asMapping { item in
                guard let equals = item.firstIndex(of: "=") else { return (item, nil) }
                return (String(item[..<equals]), String(item[item.index(after: equals)...]))
            }
        case .hosts:
            return tree.asMapping { item in
                let separator: Character = item.contains("=") ? "=" : ":"
                guard let cut = item.firstIndex(of: separator) else { return (item, nil) }
                return (String(item[..<cut]), String(item[item.index(after: cut)...]))
            }
        case .names:
            return tree.asMapping { ($0, nil) }
        case .shorthand(let key):
            guard tree.text != nil else { return tree }
            return Tree(.mapping([key: tree]), at: tree.location)
        case .uniqueList:
            guard tree.text != nil else { return tree }
            return Tree(.sequence([tree]), at: tree.location)
        }
    }

    func join(_ earlier: [Tree], _ later: [Tree]) -> [Tree] {
        switch self {
        case .uniqueList:
            return earlier + later.filter { !earlier.contains($0) }
        case .keyedList(let identity):
            var result = earlier
            for item in later {
                let key = identity(item)
                if key != nil, let index = result.firstIndex(where: { identity($0) == key }) {
                    result[index] = item
                } else {
                    result.append(item)
                }
            }
            return result
        default:
            return earlier + later
        }
    }

    @Sendable private static func mountTarget(_ tree: Tree) -> String? {
        if let target = tree["target"]?.text { return FilePath.clean(target) }
        guard let text = tree.text else { return nil }
        return (try? ServiceMount.parse(short: text, directory: "/"))?.target
    }

    @Sendable private static func deviceTarget(_ tree: Tree) -> String? {
        guard let text = tree.text else { return tree["target"]?.text ?? tree["source"]?.text }
        let parts = text.split(separator: ":")
        return parts.count > 1 ? String(parts[1]) : text
    }

    /// Ports are the same when everything about them is: a later file adds ports, it cannot move them.
    @Sendable private static func portIdentity(_ tree: Tree) -> String? {
        guard let ports = try? PublishedPort.decode(tree, "") else { return nil }
        return ports.map { "\($0.hostIP ?? ""):\($0.published ?? ""):\($0.target)/\($0.proto)" }.joined(separator: ",")
    }
}

extension Tree {
    /// A list of texts as a mapping; anything else stays as it is, for the decoder to judge.
    fileprivate func asMapping(_ split: (String) -> (String, String?)) -> Tree {
        guard let items = sequence else { return self }
        var entries: OrderedDictionary<String, Tree> = [:]
        for item in items {
            guard let text = item.text else { return self }
            let (key, value) = split(text)
            entries[key] = Tree(value.map { .scalar($0, plain: false) } ?? .null, at: item.location)
        }
        return Tree(.mapping(entries), at: location)
    }
}
