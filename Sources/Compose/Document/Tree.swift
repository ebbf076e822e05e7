import Errors
import OrderedCollections

/// The file that a value was written in, and the folder its relative paths start from.
///
/// Files given with `-f` share the project's folder; a file reached by `extends` or `include` has a
/// folder of its own. Keeping the folder with the value lets paths be resolved once, where they are
/// decoded, however the files were merged before.
public struct Source: Sendable, Hashable {
    /// Path of the file as messages show it.
    public var file: String
    /// Absolute path of the folder that relative paths in this file start from.
    public var directory: String

    public init(file: String, directory: String) {
        self.file = file
        self.directory = directory
    }

    /// Values that no file holds: defaults, and what the command line sets.
    public static let none = Source(file: "", directory: "/")
}

/// A place in a file; line 0 means "nowhere".
public struct Location: Sendable, Hashable {
    public var source: Source
    public var line: Int

    public init(source: Source, line: Int) {
        self.source = source
        self.line = line
    }

    public static let none = Location(source: .none, line: 0)
}

/// A YAML document after anchors and `<<` are resolved, every value with its place.
///
/// Scalars keep the text as it was written: whether `1.10` is a number or a version is for the key
/// to decide that it belongs to, and `22:22` is never a base-60 integer.
public struct Tree: Sendable {
    public enum Content: Sendable {
        case null
        /// `plain` tells a value written without quotes, which may be a number or a boolean.
        case scalar(String, plain: Bool)
        case sequence([Tree])
        case mapping(OrderedDictionary<String, Tree>)
    }

    /// The Compose specification's tags that steer merging.
    public enum Directive: Sendable {
        /// `!reset`: the value of earlier files is dropped, and so is this one.
        case reset
        /// `!override`: this value replaces that of earlier files instead of being merged into it.
        case override
    }

    public var content: Content
    /// For the value of a key the place of the key, else the value's own.
    public var location: Location
    public var directive: Directive?

    public init(_ content: Content, at location: Location = .none, directive: Directive? = nil) {
        self.content = content
        self.location = location
        self.directive = directive
    }
}

extension Tree {
    public var mapping: OrderedDictionary<String, Tree>? {
        if case .mapping(let entries) = content { entries } else { nil }
    }

    public var sequence: [Tree]? {
        if case .sequence(let items) = content { items } else { nil }
    }

    /// The text of a scalar.
    public var text: String? {
        if case .scalar(let text, _) = content { text } else { nil }
    }

    public var isNull: Bool {
        if case .null = content { true } else { false }
    }

    /// The entry of a mapping; setting nil removes it. Setting on anything but a mapping does nothing.
    public subscript(key: String) -> Tree? {
        get { mapping?[key] }
        set {
            guard case .mapping(var entries) = content else { return }
            entries[key] = newValue
            content = .mapping(entries)
        }
    }

    /// An error about this value that names the file and the line.
    func error(_ message: String) -> BerthError {
        guard location.line > 0 else { return .invalidArgument(message) }
        return .invalidArgument("\(location.source.file):\(location.line): \(message)")
    }
}

// What defaults and rendering build trees with.
extension Tree {
    static func string(_ text: String) -> Tree { Tree(.scalar(text, plain: false)) }
    static func literal(_ text: String) -> Tree { Tree(.scalar(text, plain: true)) }
    static func int(_ value: some BinaryInteger) -> Tree { .literal(String(value)) }
    static func bool(_ value: Bool) -> Tree { .literal(value ? "true" : "false") }
    static func list(_ items: [Tree]) -> Tree { Tree(.sequence(items)) }
    static func strings(_ items: [String]) -> Tree { .list(items.map(Tree.string)) }
    static func map(_ entries: OrderedDictionary<String, Tree>) -> Tree { Tree(.mapping(entries)) }
    static let null = Tree(.null)
}

extension Tree: Equatable {
    /// Same values, wherever they were written.
    public static func == (left: Tree, right: Tree) -> Bool {
        switch (left.content, right.content) {
        case (.null, .null): true
        case (.scalar(let a, _), .scalar(let b, _)): a == b
        case (.sequence(let a), .sequence(let b)): a == b
        case (.mapping(let a), .mapping(let b)): a.count == b.count && a.allSatisfy { b[$0.key] == $0.value }
        default: false
        }
    }
}
