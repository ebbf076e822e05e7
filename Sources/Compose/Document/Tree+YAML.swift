import Errors
import OrderedCollections
import Yams

extension Tree {
    /// Parses one YAML document.
    ///
    /// - Returns: the document's mapping; an empty mapping for an empty file.
    /// - Throws: `invalidArgument` with file and line for a syntax error, a duplicate key, or a
    ///   document that is not a mapping.
    public static func parse(yaml: String, source: Source) throws(BerthError) -> Tree {
        let root: Node?
        do {
            root = try Parser(yaml: yaml, resolver: .basic).singleRoot()
        } catch let error as YamlError {
            throw Self.syntaxError(error, source: source)
        } catch {
            throw .invalidArgument("\(source.file): \(error)", cause: error)
        }
        let top = Location(source: source, line: 1)
        guard let root else { return Tree(.mapping([:]), at: top) }
        var reader = YAMLReader(source: source)
        let tree = try reader.tree(from: root, at: nil)
        switch tree.content {
        case .mapping: return tree
        case .null: return Tree(.mapping([:]), at: top)
        case .scalar, .sequence: throw tree.error("top-level object must be a mapping")
        }
    }

    private static func syntaxError(_ error: YamlError, source: Source) -> BerthError {
        func at(_ mark: Mark, _ problem: String) -> BerthError {
            .invalidArgument("\(source.file):\(mark.line): yaml: \(problem)", cause: error)
        }
        switch error {
        case .scanner(let context, let problem, let mark, _),
            .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let lead = context.map { $0.text.isEmpty ? "" : "\($0.text): " } ?? ""
            return at(mark, lead + problem)
        case .duplicatedKeysInMapping(let duplicates, let context):
            let names = duplicates.map { "\"\($0)\"" }.joined(separator: ", ")
            return at(context.mark, "mapping key \(names) already defined")
        default:
            return .invalidArgument("\(source.file): yaml: \(error)", cause: error)
        }
    }
}

/// Turns Yams' nodes into trees: scalars keep their text, `<<` is merged, aliases are already
/// expanded by Yams.
private struct YAMLReader {
    let source: Source
    /// Aliases of aliases can grow without bound ("billion laughs"); no real file comes near this.
    private var budget = 500_000

    init(source: Source) { self.source = source }

    mutating func tree(from node: Node, at keyLine: Int?) throws(BerthError) -> Tree {
        budget -= 1
        guard budget > 0 else {
            throw .invalidArgument("\(source.file): document contains excessive aliasing")
        }
        let location = Location(source: source, line: keyLine ?? node.mark?.line ?? 0)
        switch node {
        case .scalar(let scalar):
            return Tree(Self.content(of: scalar), at: location, directive: Self.directive(scalar.tag))
        case .sequence(let sequence):
            var items: [Tree] = []
            for item in sequence { items.append(try tree(from: item, at: nil)) }
            return Tree(.sequence(items), at: location, directive: Self.directive(sequence.tag))
        case .mapping(let mapping):
            let entries = try entries(of: mapping)
            return Tree(.mapping(entries), at: location, directive: Self.directive(mapping.tag))
        case .alias:
            throw .invalidArgument("\(source.file):\(location.line): yaml: unresolved alias")
        }
    }

    private mutating func entries(of mapping: Node.Mapping) throws(BerthError) -> OrderedDictionary<String, Tree> {
        var own: OrderedDictionary<String, Tree> = [:]
        var inherited: [Tree] = []
        for (key, value) in mapping {
            guard case .scalar(let name) = key else {
                throw .invalidArgument("\(source.file):\(key.mark?.line ?? 0): mapping keys must be strings")
            }
            let child = try tree(from: value, at: key.mark?.line)
            if name.string == "<<", name.style == .plain {
                inherited += child.sequence ?? [child]
            } else {
                own[name.string] = child
            }
        }
        // An explicit key wins over a merged one, and an earlier merged mapping over a later one.
        for parent in inherited {
            guard let entries = parent.mapping else {
                throw parent.error("map merge requires map or sequence of maps as the value")
            }
            for (key, value) in entries where own[key] == nil { own[key] = value }
        }
        return own
    }

    private static func content(of scalar: Node.Scalar) -> Tree.Content {
        let plain = scalar.style == .plain
        if plain, ["", "~", "null", "Null", "NULL"].contains(scalar.string) { return .null }
        return .scalar(scalar.string, plain: plain)
    }

    private static func directive(_ tag: Tag) -> Tree.Directive? {
        switch tag.rawValue {
        case "!reset": .reset
        case "!override": .override
        default: nil
        }
    }
}
