import Errors
import FoundationEssentials
import OrderedCollections
import Yams

extension Tree {
    /// What a plain scalar means in YAML 1.2's core schema.
    enum Resolved: Equatable {
        case null
        case bool(Bool)
        case int(Int)
        case float(Double)
        case string(String)

        init(plain text: String) {
            switch text {
            case "", "~", "null", "Null", "NULL": self = .null
            case "true", "True", "TRUE": self = .bool(true)
            case "false", "False", "FALSE": self = .bool(false)
            default:
                if let value = Int(text) {
                    self = .int(value)
                } else if text.contains(where: \.isNumber), !text.hasPrefix("0x"), let value = Double(text) {
                    self = .float(value)
                } else {
                    self = .string(text)
                }
            }
        }
    }

    /// The tree as YAML, two spaces of indent, in the order of its keys.
    public func yaml() throws(BerthError) -> String {
        do {
            return try serialize(node: node, indent: 2, width: -1, allowUnicode: true)
        } catch {
            throw .internal("cannot render YAML: \(error)", cause: error)
        }
    }

    /// The tree as JSON with sorted keys.
    public func json(pretty: Bool = true) throws(BerthError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        do {
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        } catch {
            throw .internal("cannot render JSON: \(error)", cause: error)
        }
    }

    private var node: Node {
        switch content {
        case .null:
            return Node("null", .implicit, .plain)
        case .scalar(let text, plain: true):
            return Node(text, .implicit, .plain)
        case .scalar(let text, plain: false):
            return Node(text, .implicit, Self.style(ofString: text))
        case .sequence(let items):
            return Node(items.map(\.node), .implicit, items.isEmpty ? .flow : .block)
        case .mapping(let entries):
            let pairs = entries.map { (Tree.string($0.key).node, $0.value.node) }
            return Node(pairs, .implicit, entries.isEmpty ? .flow : .block)
        }
    }

    /// A string is quoted whenever a YAML 1.1 or 1.2 reader would take it for something else.
    private static func style(ofString text: String) -> Node.Scalar.Style {
        if text.contains("\n") { return .literal }
        if text.isEmpty { return .doubleQuoted }
        let words: Set = ["y", "n", "yes", "no", "on", "off", "null", "true", "false", "~", "<<", "="]
        if words.contains(text.lowercased()) { return .doubleQuoted }
        let first = text.unicodeScalars[text.unicodeScalars.startIndex]
        let numberLike =
            "0123456789+-.".unicodeScalars.contains(first)
            && text.unicodeScalars.allSatisfy { "0123456789abcdefABCDEFxXoO+-._:eE".unicodeScalars.contains($0) }
        return numberLike ? .doubleQuoted : .any
    }
}

extension Tree: Encodable {
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    public func encode(to encoder: any Encoder) throws {
        switch content {
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .scalar(let text, plain: false):
            var container = encoder.singleValueContainer()
            try container.encode(text)
        case .scalar(let text, plain: true):
            var container = encoder.singleValueContainer()
            switch Resolved(plain: text) {
            case .null: try container.encodeNil()
            case .bool(let value): try container.encode(value)
            case .int(let value): try container.encode(value)
            case .float(let value): try container.encode(value)
            case .string(let value): try container.encode(value)
            }
        case .sequence(let items):
            var container = encoder.unkeyedContainer()
            for item in items { try container.encode(item) }
        case .mapping(let entries):
            var container = encoder.container(keyedBy: Key.self)
            for (key, value) in entries { try container.encode(value, forKey: Key(stringValue: key)) }
        }
    }
}
