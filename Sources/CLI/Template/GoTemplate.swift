import Errors

/// A template in the language of Go's `text/template`, as far as command lines use it: fields,
/// pipelines, variables, `if`, `range`, `with`, comments, trim markers, and Docker's functions.
struct GoTemplate: Sendable {
    indirect enum Node: Sendable {
        case text(String)
        case output(Pipeline)
        case branch(Branch, Pipeline, [Node], otherwise: [Node])
        /// `break` or `continue` of the loop around it.
        case jump(Flow)
    }

    /// How the nodes of a list ended.
    enum Flow: Sendable {
        case passed, broken, continued
    }

    enum Branch: Sendable {
        case when
        case with
        case each(index: String?, element: String?)
    }

    /// Commands of which each gets what the one before it gave as its last argument.
    struct Pipeline: Sendable {
        var declares: String?
        var commands: [[Operand]]
    }

    indirect enum Operand: Sendable {
        case dot
        case variable(String)
        case literal(TemplateValue)
        case function(String)
        case parenthesis(Pipeline)
        /// `.A.B` of something.
        case fields(Operand, [String])
    }

    let nodes: [Node]
    /// What a field that an object lacks means.
    var missing = Missing.noValue

    enum Missing: Sendable {
        /// Shown as `<no value>`.
        case noValue
        /// An error that names it, as for a key of a map.
        case error
        /// An error that names it, as for a field of a record.
        case unknownField
    }

    /// - Throws: `invalidArgument` in the words of Go's parser.
    init(_ text: String) throws(BerthError) {
        var parser = GoTemplateParser(chunks: try GoTemplateLexer.chunks(of: text))
        nodes = try parser.parse()
    }

    func render(_ value: TemplateValue) throws -> String {
        try render(value, shapesText: true)
    }

    /// The head of a table's columns: functions that shape text leave a heading as it is.
    func renderHeading(_ headings: TemplateValue) throws -> String { try render(headings, shapesText: false) }

    private func render(_ value: TemplateValue, shapesText: Bool) throws -> String {
        var evaluator = GoTemplateEvaluator(root: value, missing: missing, shapesText: shapesText)
        try evaluator.run(nodes, dot: value)
        return evaluator.out
    }
}

/// Builds the tree of a template.
struct GoTemplateParser {
    private var chunks: ArraySlice<TemplateChunk>

    init(chunks: [TemplateChunk]) { self.chunks = chunks[...] }

    mutating func parse() throws(BerthError) -> [GoTemplate.Node] {
        let (nodes, end) = try list()
        guard end == nil else { throw broken("unexpected {{\(end ?? "")}}") }
        return nodes
    }

    /// Nodes up to `end` or `else`, which is named.
    private mutating func list() throws(BerthError) -> ([GoTemplate.Node], end: String?) {
        var nodes: [GoTemplate.Node] = []
        while let chunk = chunks.popFirst() {
            switch chunk {
            case .text(let text): nodes.append(.text(text))
            case .action(let tokens):
                guard case .word(let word)? = tokens.first else {
                    nodes.append(.output(try pipeline(tokens)))
                    continue
                }
                let rest = Array(tokens.dropFirst())
                switch word {
                case "end": return (nodes, "end")
                case "else":
                    // `{{else if x}}` is an `if` of its own whose end it shares.
                    if case .word("if")? = rest.first(where: { $0 != .space }) {
                        pendingElseIf = Array(rest.drop { $0 == .space }.dropFirst())
                    }
                    return (nodes, "else")
                case "break" where rest.isEmpty: nodes.append(.jump(.broken))
                case "continue" where rest.isEmpty: nodes.append(.jump(.continued))
                case "if": nodes.append(try branch(.when, rest))
                case "with": nodes.append(try branch(.with, rest))
                case "range":
                    let (kind, source) = loop(rest)
                    nodes.append(try branch(kind, source))
                default: nodes.append(.output(try pipeline(tokens)))
                }
            }
        }
        return (nodes, nil)
    }

    private var pendingElseIf: [TemplateToken]?

    private mutating func branch(
        _ kind: GoTemplate.Branch, _ tokens: [TemplateToken]
    ) throws(BerthError) -> GoTemplate.Node {
        let condition = try pipeline(tokens)
        let (body, end) = try list()
        var otherwise: [GoTemplate.Node] = []
        if end == "else" {
            if let tokens = pendingElseIf {
                pendingElseIf = nil
                otherwise = [try branch(.when, tokens)]
            } else {
                let (nodes, end) = try list()
                guard end == "end" else { throw broken("unexpected EOF") }
                otherwise = nodes
            }
        } else if end == nil {
            throw broken("unexpected EOF")
        }
        return .branch(kind, condition, body, otherwise: otherwise)
    }

    /// `$i, $e := pipeline`.
    private func loop(_ tokens: [TemplateToken]) -> (GoTemplate.Branch, [TemplateToken]) {
        let bare = tokens.filter { $0 != .space }
        if bare.count > 4, case .variable(let index) = bare[0], bare[1] == .comma,
            case .variable(let element) = bare[2], bare[3] == .declare,
            let declare = tokens.firstIndex(of: .declare)
        {
            return (.each(index: index, element: element), Array(tokens[(declare + 1)...]))
        }
        if bare.count > 2, case .variable(let element) = bare[0], bare[1] == .declare,
            let declare = tokens.firstIndex(of: .declare)
        {
            return (.each(index: nil, element: element), Array(tokens[(declare + 1)...]))
        }
        return (.each(index: nil, element: nil), tokens)
    }

    // MARK: Pipelines

    private func pipeline(_ tokens: [TemplateToken]) throws(BerthError) -> GoTemplate.Pipeline {
        var rest = tokens.drop { $0 == .space }
        var declares: String?
        if case .variable(let name)? = rest.first, !name.isEmpty {
            let after = rest.dropFirst().drop { $0 == .space }
            if after.first == .declare || after.first == .assign {
                declares = name
                rest = after.dropFirst()
            }
        }
        let commands = try commands(&rest, until: nil)
        return GoTemplate.Pipeline(declares: declares, commands: commands)
    }

    private func commands(
        _ tokens: inout ArraySlice<TemplateToken>, until end: TemplateToken?
    ) throws(BerthError) -> [[GoTemplate.Operand]] {
        var commands: [[GoTemplate.Operand]] = [[]]
        var closed = end == nil
        loop: while let token = tokens.first {
            switch token {
            case .space: tokens.removeFirst()
            case .pipe:
                tokens.removeFirst()
                commands.append([])
            case .closeParenthesis:
                guard end == .closeParenthesis else { throw broken("unexpected right paren") }
                tokens.removeFirst()
                closed = true
                break loop
            default: commands[commands.count - 1].append(try operand(&tokens))
            }
        }
        guard closed else { throw broken("unclosed left paren") }
        guard commands.allSatisfy({ !$0.isEmpty }) else { throw broken("missing value for command") }
        return commands
    }

    private func operand(_ tokens: inout ArraySlice<TemplateToken>) throws(BerthError) -> GoTemplate.Operand {
        var base: GoTemplate.Operand
        switch tokens.removeFirst() {
        case .field(let name): base = name.isEmpty ? .dot : .fields(.dot, [name])
        case .variable(let name): base = .variable(name)
        case .string(let text): base = .literal(.string(text))
        case .number(let text): base = .literal(.number(text))
        case .word(let word):
            switch word {
            case "true": base = .literal(.bool(true))
            case "false": base = .literal(.bool(false))
            case "nil": base = .literal(.null)
            default:
                guard TemplateFunctions.names.contains(word) else {
                    throw broken("function \"\(word)\" not defined")
                }
                base = .function(word)
            }
        case .openParenthesis:
            base = .parenthesis(GoTemplate.Pipeline(commands: try commands(&tokens, until: .closeParenthesis)))
        default: throw broken("unexpected token in operand")
        }
        while case .field(let name)? = tokens.first, !name.isEmpty {
            tokens.removeFirst()
            if case .fields(let inner, let names) = base {
                base = .fields(inner, names + [name])
            } else {
                base = .fields(base, [name])
            }
        }
        return base
    }

    private func broken(_ why: String) -> BerthError {
        .invalidArgument("template parsing error: template: :1: \(why)")
    }
}
