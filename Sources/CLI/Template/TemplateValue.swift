/// A value that a template can reach: JSON, with objects in the order of their text, and methods of
/// rows that take arguments (`{{.Label "name"}}`).
enum TemplateValue: Sendable {
    case null
    case bool(Bool)
    /// As it was written, so that nothing of a large number is lost.
    case number(String)
    case string(String)
    case list([TemplateValue])
    case object([Field])
    case method(@Sendable ([TemplateValue]) throws -> TemplateValue)
    /// A field that does not exist.
    case absent

    struct Field: Sendable {
        var name: String
        var value: TemplateValue
    }

    static func int(_ value: Int) -> TemplateValue { .number(String(value)) }

    /// A row: names and values in order.
    static func row(_ fields: KeyValuePairs<String, TemplateValue>) -> TemplateValue {
        .object(fields.map { Field(name: $0.key, value: $0.value) })
    }

    /// The field of an object; nil when there is none or this is no object.
    func field(_ name: String) -> TemplateValue? {
        guard case .object(let fields) = self else { return nil }
        return fields.first { $0.name == name }?.value
    }

    /// The only field of an object whose name is this but for its case.
    func field(ignoringCase name: String) -> TemplateValue? {
        guard case .object(let fields) = self else { return nil }
        let name = name.lowercased()
        let found = fields.filter { $0.name.lowercased() == name }
        return found.count == 1 ? found[0].value : nil
    }

    /// Go's notion of truth: not empty and not zero.
    var isTrue: Bool {
        switch self {
        case .null, .absent: false
        case .bool(let value): value
        case .number(let text): Double(text) != 0
        case .string(let text): !text.isEmpty
        case .list(let items): !items.isEmpty
        case .object(let fields): !fields.isEmpty
        case .method: true
        }
    }

    /// As Go's `fmt.Print` shows it.
    var text: String {
        switch self {
        case .null: "<nil>"
        case .absent: "<no value>"
        case .bool(let value): value ? "true" : "false"
        case .number(let text): text
        case .string(let text): text
        case .list(let items): "[\(items.map(\.text).joined(separator: " "))]"
        case .object(let fields):
            "map[\(fields.sorted { $0.name < $1.name }.map { "\($0.name):\($0.value.text)" }.joined(separator: " "))]"
        case .method: ""
        }
    }
}

extension TemplateValue: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    init(stringLiteral value: String) { self = .string(value) }
}

// MARK: - Writing JSON

extension TemplateValue {
    /// The value as JSON without spaces.
    var json: String {
        var out = ""
        writeJSON(to: &out, indent: nil, depth: 0)
        return out
    }

    /// The value as JSON over several lines, as Go's `json.Indent` breaks it.
    func prettyJSON(indent: String = "    ") -> String {
        var out = ""
        writeJSON(to: &out, indent: indent, depth: 0)
        return out
    }

    private func writeJSON(to out: inout String, indent: String?, depth: Int) {
        func newline(_ depth: Int) {
            guard let indent else { return }
            out += "\n" + String(repeating: indent, count: depth)
        }
        func sequence<Item>(_ items: [Item], _ open: String, _ close: String, _ write: (Item) -> Void) {
            out += open
            for (index, item) in items.enumerated() {
                if index > 0 { out += "," }
                newline(depth + 1)
                write(item)
            }
            if !items.isEmpty { newline(depth) }
            out += close
        }
        switch self {
        case .null, .absent, .method: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .number(let text): out += text
        case .string(let text): out += Self.quoted(text)
        case .list(let items):
            sequence(items, "[", "]") { $0.writeJSON(to: &out, indent: indent, depth: depth + 1) }
        case .object(let fields):
            let shown = fields.filter { if case .method = $0.value { false } else { true } }
            sequence(shown, "{", "}") { field in
                out += Self.quoted(field.name) + (indent == nil ? ":" : ": ")
                field.value.writeJSON(to: &out, indent: indent, depth: depth + 1)
            }
        }
    }

    static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case let control where control.value < 0x20 || control == "\u{2028}" || control == "\u{2029}":
                let hex = String(control.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
