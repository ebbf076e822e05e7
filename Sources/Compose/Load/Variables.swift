import Errors
import OrderedCollections

/// A variable that a project's files use, for `config --variables`.
public struct UsedVariable: Sendable, Equatable {
    public var name: String
    /// Whether loading fails without it (`:?`).
    public var isRequired: Bool
    /// What stands in when it is not set (`:-`).
    public var fallback: String?
    /// What stands in when it is set (`:+`).
    public var alternate: String?
}

extension Loader {
    /// The variables that the project's files use, each once, in the order of first use.
    public static func variables(_ options: LoadOptions) throws(BerthError) -> [UsedVariable] {
        var plain = options
        plain.interpolates = false
        let environment = try EnvironmentLoader.extend(
            options.environment, explicit: EnvironmentLoader.explicitFiles(options), directory: options.currentDirectory
        )
        let lookup = try FileLookup.find(options, environment: environment)
        var found: OrderedDictionary<String, UsedVariable> = [:]
        for tree in try parse(lookup.files, directory: options.currentDirectory, plain) {
            tree.collectVariables(into: &found)
        }
        return Array(found.values)
    }
}

extension Tree {
    fileprivate func collectVariables(into found: inout OrderedDictionary<String, UsedVariable>) {
        switch content {
        case .null: break
        case .scalar(let text, _):
            for variable in Interpolation.variables(in: text) where found[variable.name] == nil {
                found[variable.name] = variable
            }
        case .sequence(let items):
            for item in items { item.collectVariables(into: &found) }
        case .mapping(let entries):
            for value in entries.values { value.collectVariables(into: &found) }
        }
    }
}

extension Interpolation {
    /// The substitutions of a text, outer ones first.
    static func variables(in text: String) -> [UsedVariable] {
        var result: [UsedVariable] = []
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                rest = rest.dropFirst()
                continue
            }
            let isBraced = rest.first == "{"
            if isBraced { rest = rest.dropFirst() }
            let name = rest.prefix { $0 == "_" || ($0.isASCII && ($0.isLetter || $0.isNumber)) }
            guard let first = name.first, !first.isNumber else { continue }
            rest = rest[name.endIndex...]
            var variable = UsedVariable(name: String(name), isRequired: false)
            if isBraced { variable.take(operation: rest) }
            result.append(variable)
        }
        return result
    }
}

extension UsedVariable {
    /// Reads what stands between a name and the closing brace.
    fileprivate mutating func take(operation text: Substring) {
        var rest = text
        if rest.first == ":" { rest = rest.dropFirst() }
        guard let sign = rest.first, "-?+".contains(sign) else { return }
        var depth = 0
        let operand = rest.dropFirst().prefix { character in
            if character == "{" { depth += 1 }
            if character == "}" { depth -= 1 }
            return depth >= 0
        }
        switch sign {
        case "-": fallback = String(operand)
        case "+": alternate = String(operand)
        default: isRequired = true
        }
    }
}
