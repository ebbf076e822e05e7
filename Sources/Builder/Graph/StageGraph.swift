import Errors
import OCI

/// Where files or a root file system come from.
enum Origin: Hashable, Sendable {
    case context
    case scratch
    case stage(Int)
    case image(String)
}

/// Which stages there are, what each builds on, and which of them the target needs.
struct StageGraph: Sendable {
    let file: Dockerfile
    /// Per stage, the expanded FROM.
    let bases: [Origin]
    /// Per stage, the expanded `--platform`.
    let platforms: [Platform?]
    let target: Int
    /// The stages to build, in the order of the file.
    let needed: [Int]

    /// - Throws: `invalidArgument` for unknown targets, cycles and bad FROM lines.
    init(_ file: Dockerfile, target name: String?, globals: GlobalArguments) throws(BerthError) {
        self.file = file
        var bases: [Origin] = []
        var platforms: [Platform?] = []
        for stage in file.stages {
            do throws(SyntaxError) {
                bases.append(try Self.base(of: stage, file, globals))
                platforms.append(try Self.platform(of: stage, file, globals))
            } catch {
                throw error.at(stage.line).berthError
            }
        }
        self.bases = bases
        self.platforms = platforms
        target = try Self.target(name, in: file)

        var dependencies: [[Int]] = []
        for stage in file.stages {
            dependencies.append(try Self.dependencies(of: stage, base: bases[stage.index], file))
        }
        needed = try Self.reachable(from: target, dependencies, file)
    }

    /// The stage or image that `--from` or a mount's `from` names.
    func origin(_ name: String) throws(SyntaxError) -> Origin { try Self.origin(name, in: file) }

    private static func origin(_ name: String, in file: Dockerfile) throws(SyntaxError) -> Origin {
        if let index = Int(name) {
            guard file.stages.indices.contains(index) else { throw SyntaxError("invalid stage index \(index)") }
            return .stage(index)
        }
        if let stage = file.stages.last(where: { $0.name == name.lowercased() }) { return .stage(stage.index) }
        return .image(name)
    }

    private static func base(
        of stage: Stage, _ file: Dockerfile, _ globals: GlobalArguments
    ) throws(SyntaxError) -> Origin {
        let name = try Expander(escape: file.escape, value: globals.value).word(stage.base)
        guard !name.isEmpty else { throw SyntaxError("base name (\(stage.base)) should not be blank") }
        // Only an earlier stage can be a base: a later one of that name means the image.
        if let earlier = file.stages[..<stage.index].last(where: { $0.name == name.lowercased() }) {
            return .stage(earlier.index)
        }
        return name == "scratch" ? .scratch : .image(name)
    }

    private static func platform(
        of stage: Stage, _ file: Dockerfile, _ globals: GlobalArguments
    ) throws(SyntaxError) -> Platform? {
        guard let written = stage.platform else { return nil }
        let text = try Expander(escape: file.escape, value: globals.value).word(written)
        guard !text.isEmpty else { throw SyntaxError("empty platform value from expression \(written)") }
        guard let platform = Platform(written: text) else { throw SyntaxError("failed to parse platform \(text)") }
        return platform
    }

    private static func target(_ name: String?, in file: Dockerfile) throws(BerthError) -> Int {
        guard let name, !name.isEmpty else { return file.stages.count - 1 }
        if let stage = file.stages.last(where: { $0.name == name.lowercased() }) { return stage.index }
        if let index = Int(name), file.stages.indices.contains(index) { return index }
        let names = file.stages.compactMap(\.name)
        let hint = names.isEmpty ? "" : " (stages: \(names.joined(separator: ", ")))"
        throw .invalidArgument("target stage \"\(name)\" could not be found\(hint)")
    }

    private static func dependencies(
        of stage: Stage, base: Origin, _ file: Dockerfile
    ) throws(BerthError) -> [Int] {
        var found: [Int] = []
        if case .stage(let index) = base { found.append(index) }
        for instruction in stage.instructions {
            for name in instruction.command.stageNames {
                do throws(SyntaxError) {
                    if case .stage(let index) = try origin(name, in: file) { found.append(index) }
                } catch {
                    throw error.at(instruction.line).berthError
                }
            }
        }
        return found
    }

    /// The stages that `target` needs, itself included.
    private static func reachable(
        from target: Int, _ dependencies: [[Int]], _ file: Dockerfile
    ) throws(BerthError) -> [Int] {
        enum Mark { case open, done }
        var marks: [Int: Mark] = [:]
        func visit(_ index: Int) throws(BerthError) {
            switch marks[index] {
            case .done: return
            case .open:
                let stage = file.stages[index]
                throw ParseError(
                    line: stage.line, reason: "circular dependency detected on stage: \(stage.title)"
                ).berthError
            case nil: break
            }
            marks[index] = .open
            for dependency in dependencies[index] { try visit(dependency) }
            marks[index] = .done
        }
        try visit(target)
        return marks.keys.sorted()
    }
}

extension Platform {
    /// `os/architecture[/variant]`, or an architecture alone, with the usual second names. Nil if it is none.
    init?(written text: String) {
        let parts = text.lowercased().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.allSatisfy({ !$0.isEmpty }), (1...3).contains(parts.count) else { return nil }
        if parts.count == 1 {
            self = parts[0] == "linux" ? .host : Platform(architecture: Self.architecture(parts[0]))
            return
        }
        self.init(os: parts[0], architecture: Self.architecture(parts[1]), variant: parts.count == 3 ? parts[2] : nil)
    }

    private static func architecture(_ name: String) -> String {
        switch name {
        case "x86_64", "x86-64": "amd64"
        case "aarch64": "arm64"
        case "i386", "i686": "386"
        case "armhf", "armel": "arm"
        default: name
        }
    }
}
