import Errors

/// Runs a template's tree over a value.
struct GoTemplateEvaluator {
    private(set) var out = ""
    private var variables: [String: TemplateValue]
    private let missing: GoTemplate.Missing
    /// Off for headings, which `json`, `upper` and their like leave alone.
    private let shapesText: Bool

    private static let shapers: Set<String> = [
        "json", "jsonPretty", "split", "join", "title", "lower", "upper", "pad", "truncate",
    ]

    init(root: TemplateValue, missing: GoTemplate.Missing, shapesText: Bool = true) {
        variables = ["": root]
        self.missing = missing
        self.shapesText = shapesText
    }

    @discardableResult
    mutating func run(_ nodes: [GoTemplate.Node], dot: TemplateValue) throws -> GoTemplate.Flow {
        for node in nodes {
            switch node {
            case .text(let text): out += text
            case .output(let pipeline):
                let value = try evaluate(pipeline, dot)
                if let name = pipeline.declares { variables[name] = value } else { out += value.text }
            case .branch(let kind, let pipeline, let body, let otherwise):
                let value = try evaluate(pipeline, dot)
                if let name = pipeline.declares { variables[name] = value }
                let flow = try branch(kind, value, body, otherwise, dot)
                if flow != .passed { return flow }
            case .jump(let flow): return flow
            }
        }
        return .passed
    }

    private mutating func branch(
        _ kind: GoTemplate.Branch, _ value: TemplateValue, _ body: [GoTemplate.Node], _ otherwise: [GoTemplate.Node],
        _ dot: TemplateValue
    ) throws -> GoTemplate.Flow {
        switch kind {
        case .when: return try run(value.isTrue ? body : otherwise, dot: dot)
        case .with: return value.isTrue ? try run(body, dot: value) : try run(otherwise, dot: dot)
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
                if try run(body, dot: item.value) == .broken { break }
            }
            return .passed
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
            if !shapesText, Self.shapers.contains(name), let heading = arguments.first { return heading }
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
            // Docker's own records have fields such as `ID` and `NanoCPUs` for `Id` and `NanoCpus`.
            if let found = value.field(name) ?? value.field(ignoringCase: name) { return found }
            switch missing {
            case .noValue: return .absent
            case .error:
                if let zero = DockerRecords.zero(of: name) { return zero }
                throw failure("map has no entry for key \"\(name)\"", at: path)
            case .unknownField: throw failure("can't evaluate field \(name)", at: path)
            }
        case .null, .absent:
            if missing != .noValue { throw failure("nil pointer evaluating \(name)", at: path) }
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

/// Fields that Docker's records always have and that its JSON leaves out when there is nothing in them.
enum DockerRecords {
    private static let objects: Set<String> = [
        "Health", "Healthcheck", "Annotations", "ExposedPorts", "Volumes", "Labels", "OnBuild", "Shell", "StopTimeout",
        "SizeRw", "SizeRootFs", "Mounts", "Init", "Tmpfs", "StorageOpt", "Sysctls", "BindOptions", "VolumeOptions",
        "TmpfsOptions", "Descriptor", "ImageManifestDescriptor", "Manifests", "Status", "Options", "UsageData",
        "ConfigFrom", "Peers", "Services",
    ]
    private static let texts: Set<String> = [
        "Author", "Comment", "Variant", "OsVersion", "DockerVersion", "Parent", "Driver", "Name", "Domainname",
        "StopSignal", "MacAddress", "Runtime", "CreatedAt",
    ]

    /// - Returns: nil for a field that no record has.
    static func zero(of name: String) -> TemplateValue? {
        if name == "RestartPolicy" { return .row(["Name": "", "MaximumRetryCount": .int(0)]) }
        return objects.contains(name) ? .null : texts.contains(name) ? .string("") : nil
    }
}
