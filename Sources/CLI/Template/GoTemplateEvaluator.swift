import Errors

/// Runs a template's tree over a value.
struct GoTemplateEvaluator {
    private(set) var out = ""
    private var variables: [String: TemplateValue]
    private let missing: GoTemplate.Missing

    init(root: TemplateValue, missing: GoTemplate.Missing) {
        variables = ["": root]
        self.missing = missing
    }

    mutating func run(_ nodes: [GoTemplate.Node], dot: TemplateValue) throws {
        for node in nodes {
            switch node {
            case .text(let text): out += text
            case .output(let pipeline):
                let value = try evaluate(pipeline, dot)
                if let name = pipeline.declares { variables[name] = value } else { out += value.text }
            case .branch(let kind, let pipeline, let body, let otherwise):
                let value = try evaluate(pipeline, dot)
                if let name = pipeline.declares { variables[name] = value }
                try branch(kind, value, body, otherwise, dot)
            }
        }
    }

    private mutating func branch(
        _ kind: GoTemplate.Branch, _ value: TemplateValue, _ body: [GoTemplate.Node], _ otherwise: [GoTemplate.Node],
        _ dot: TemplateValue
    ) throws {
        switch kind {
        case .when: try run(value.isTrue ? body : otherwise, dot: dot)
        case .with:
            if value.isTrue { try run(body, dot: value) } else { try run(otherwise, dot: dot) }
        case .each(let index, let element):
            let items: [(key: TemplateValue, value: TemplateValue)]
            switch value {
            case .list(let list): items = list.enumerated().map { (.int($0.offset), $0.element) }
            case .object(let fields):
                items = fields.sorted { $0.name < $1.name }.map { (.string($0.name), $0.value) }
            case .null, .absent: items = []
            default: throw failure("range can't iterate over \(value.text)")
            }
            if items.isEmpty { return try run(otherwise, dot: dot) }
            for item in items {
                if let index { variables[index] = item.key }
                if let element { variables[element] = item.value }
                try run(body, dot: item.value)
            }
        }
    }

    private func evaluate(_ pipeline: GoTemplate.Pipeline, _ dot: TemplateValue) throws -> TemplateValue {
        var result: TemplateValue?
        for command in pipeline.commands {
            result = try evaluate(command, piped: result, dot)
        }
        return result ?? .absent
    }

    private func evaluate(
        _ command: [GoTemplate.Operand], piped: TemplateValue?, _ dot: TemplateValue
    ) throws -> TemplateValue {
        guard let first = command.first else { return .absent }
        if case .function(let name) = first {
            if name == "and" || name == "or", piped == nil { return try shortCircuit(name, command.dropFirst(), dot) }
            var arguments = try command.dropFirst().map { try self.value(of: $0, dot) }
            if let piped { arguments.append(piped) }
            return try TemplateFunctions.call(name, arguments)
        }
        let value = try self.value(of: first, dot)
        var arguments = try command.dropFirst().map { try self.value(of: $0, dot) }
        if let piped { arguments.append(piped) }
        if case .method(let method) = value { return try method(arguments) }
        guard arguments.isEmpty else { throw failure("can't give argument to non-function \(value.text)") }
        return value
    }

    private func shortCircuit(
        _ name: String, _ operands: ArraySlice<GoTemplate.Operand>, _ dot: TemplateValue
    ) throws -> TemplateValue {
        var last = TemplateValue.absent
        for operand in operands {
            last = try value(of: operand, dot)
            if last.isTrue == (name == "or") { return last }
        }
        return last
    }

    private func value(of operand: GoTemplate.Operand, _ dot: TemplateValue) throws -> TemplateValue {
        switch operand {
        case .dot: return dot
        case .variable(let name):
            guard let value = variables[name] else { throw failure("undefined variable: $\(name)") }
            return value
        case .literal(let value): return value
        case .function(let name): return try TemplateFunctions.call(name, [])
        case .parenthesis(let pipeline): return try evaluate(pipeline, dot)
        case .fields(let base, let names):
            var value = try self.value(of: base, dot)
            for name in names { value = try field(name, of: value, path: names) }
            return value
        }
    }

    private func field(_ name: String, of value: TemplateValue, path: [String]) throws -> TemplateValue {
        switch value {
        case .object:
            if let found = value.field(name) { return found }
            if missing == .error {
                throw failure("map has no entry for key \"\(name)\"", at: path)
            }
            return .absent
        case .null, .absent:
            if missing == .error { throw failure("nil pointer evaluating \(name)", at: path) }
            return .absent
        case .method(let method): return try field(name, of: try method([]), path: path)
        default: throw failure("can't evaluate field \(name) in type \(typeName(of: value))", at: path)
        }
    }

    private func typeName(of value: TemplateValue) -> String {
        switch value {
        case .bool: "bool"
        case .number: "float64"
        case .string: "string"
        case .list: "[]interface {}"
        default: "interface {}"
        }
    }

    private func failure(_ why: String, at path: [String] = []) -> BerthError {
        let place = path.isEmpty ? "" : " at <.\(path.joined(separator: "."))>"
        return .invalidArgument("template: :1: executing \"\"\(place): \(why)")
    }
}
