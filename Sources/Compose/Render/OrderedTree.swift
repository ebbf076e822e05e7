import OrderedCollections

/// The entries of a mapping that is being rendered.
typealias OrderedTree = OrderedDictionary<String, Tree>

extension OrderedDictionary where Key == String, Value == Tree {
    /// Sets the key unless the list is nil or empty.
    mutating func set(_ key: String, _ items: [String]?) {
        if let items, !items.isEmpty { self[key] = .strings(items) }
    }

    /// Sets the key unless the mapping is empty.
    mutating func set(_ key: String, _ entries: OrderedDictionary<String, String>) {
        if !entries.isEmpty { self[key] = .map(entries.sortedByKey().mapValues(Tree.string)) }
    }

    mutating func set(_ key: String, _ text: String?) { self[key] = text.map(Tree.string) }
    mutating func set(_ key: String, _ flag: Bool?) { self[key] = flag.map(Tree.bool) }
    mutating func set(_ key: String, _ number: Int?) { self[key] = number.map { Tree.int($0) } }
    /// Sizes are rendered as text, as Docker Compose renders them.
    mutating func set(bytes key: String, _ size: Int64?) { self[key] = size.map { .string(String($0)) } }
    mutating func set(_ key: String, _ duration: Duration?) { self[key] = duration.map { .string($0.goText) } }
    mutating func set(_ key: String, _ number: Double?) {
        self[key] = number.map { .literal($0 == $0.rounded() && abs($0) < 1e15 ? String(Int64($0)) : String($0)) }
    }

    /// Sets the key to a tree unless it is an empty mapping or list.
    mutating func set(_ key: String, nonEmpty tree: Tree) {
        if tree.mapping?.isEmpty == true || tree.sequence?.isEmpty == true { return }
        self[key] = tree
    }
}

extension OrderedDictionary where Key == String {
    func sortedByKey() -> Self {
        var copy = self
        copy.sort { $0.key < $1.key }
        return copy
    }
}
