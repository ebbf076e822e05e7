import Errors
import OrderedCollections

/// Loads a project: finds and merges its files, resolves everything in them, and checks that it
/// fits together.
public enum Loader {
    /// - Throws: `invalidArgument` with file, line and key for what is wrong in a file; `notFound`
    ///   for a file that is missing.
    public static func load(_ options: LoadOptions) throws(BerthError) -> Project {
        let explicit = EnvironmentLoader.explicitFiles(options)
        let start =
            options.projectDirectory.map { FilePath.absolute($0, from: options.currentDirectory) }
            ?? options.currentDirectory
        // COMPOSE_FILE and its like may stand in `.env` themselves, so it is read before the lookup.
        var environment = try EnvironmentLoader.extend(options.environment, explicit: explicit, directory: start)
        let lookup = try FileLookup.find(options, environment: environment)
        let directory = projectDirectory(options, lookup.files)
        if explicit.isEmpty, directory != start {
            environment = try EnvironmentLoader.extend(environment, explicit: [], directory: directory)
        }

        let trees = try parse(lookup.files, directory: directory, options)
        let name = try projectName(options, trees, environment: environment, directory: directory)
        environment["COMPOSE_PROJECT_NAME"] = name

        var documents = DocumentLoader(environment: environment, interpolates: options.interpolates)
        var merged: Tree?
        for tree in trees {
            let document = try documents.load(tree)
            merged = merged?.merged(with: document) ?? document
        }
        guard let merged else { throw .invalidArgument("no configuration file provided: not found") }

        var project = try decode(merged.resolvingDirectives(), name: name, environment: environment)
        project.workingDirectory = directory
        project.files = lookup.files
        project.depth = options.depth
        project.warnings =
            lookup.warnings
            + documents.unset.map {
                "The \"\($0)\" variable is not set. Defaulting to a blank string."
            }
        try Normalizer.normalize(&project)
        project.applyProfiles(activeProfiles(options, environment))
        if options.depth == .full {
            for name in project.services.keys {
                try project.services[name]?.resolveFiles(environment: environment)
            }
        }
        try Consistency.check(project)
        return project
    }

    private static func projectDirectory(_ options: LoadOptions, _ files: [String]) -> String {
        if let directory = options.projectDirectory {
            return FilePath.absolute(directory, from: options.currentDirectory)
        }
        guard let first = files.first, first != "-" else { return options.currentDirectory }
        return FilePath.directory(of: first)
    }

    static func parse(
        _ files: [String], directory: String, _ options: LoadOptions
    ) throws(BerthError) -> [Tree] {
        var trees: [Tree] = []
        for file in files {
            let text: String
            if file == "-" {
                do {
                    text = try options.standardInput()
                } catch {
                    throw .invalidArgument("cannot read the Compose file from standard input: \(error)", cause: error)
                }
            } else {
                text = try TextFile.read(file)
            }
            let shown = file == "-" ? "<stdin>" : file
            let tree = try Tree.parse(yaml: text, source: Source(file: shown, directory: directory))
            if tree.mapping?.isEmpty == true, files.count == 1 {
                throw .invalidArgument("\(shown): empty compose file")
            }
            trees.append(tree)
        }
        return trees
    }

    private static func projectName(
        _ options: LoadOptions, _ trees: [Tree], environment: [String: String], directory: String
    ) throws(BerthError) -> String {
        func checked(_ name: String) throws(BerthError) -> String {
            guard Project.isName(name) else {
                throw .invalidArgument(
                    "invalid project name \"\(name)\": must consist only of lowercase alphanumeric characters, "
                        + "hyphens, and underscores as well as start with a letter or number")
            }
            return name
        }
        if let name = options.projectName, !name.isEmpty { return try checked(name) }
        if let name = environment["COMPOSE_PROJECT_NAME"], !name.isEmpty { return try checked(name) }
        for tree in trees.reversed() {
            guard let written = tree["name"], !written.isNull else { continue }
            var interpolation = Interpolation { environment[$0] }
            let name = options.interpolates ? try written.interpolated(with: &interpolation, path: "name") : written
            return try checked(name.asString("name"))
        }
        let name = Project.normalizedName(FilePath.name(of: directory))
        guard !name.isEmpty else {
            throw .invalidArgument("project name must not be empty: give one with -p or a top-level \"name\"")
        }
        return name
    }

    private static func activeProfiles(_ options: LoadOptions, _ environment: [String: String]) -> [String] {
        let listed = environment["COMPOSE_PROFILES"].map { $0.components(separatedBy: ",") } ?? []
        return (options.profiles + listed.map { $0.trimmed() }).filter { !$0.isEmpty }
    }

    private static func decode(
        _ tree: Tree, name: String, environment: [String: String]
    ) throws(BerthError) -> Project {
        var project = Project(name: name)
        project.environment = environment
        var fields = try Fields(tree, "(root)")
        _ = fields.value("version")
        _ = fields.value("name")
        _ = fields.value("include")
        func at(_ path: String) -> String { String(path.dropFirst("(root).".count)) }
        project.services =
            try fields.entries("services") { key, tree, path throws(BerthError) in
                try Service.decode(name: key, tree, at(path))
            } ?? [:]
        project.networks =
            try fields.entries("networks") { key, tree, path throws(BerthError) in
                try ProjectNetwork.decode(key: key, project: name, tree, at(path))
            } ?? [:]
        project.volumes =
            try fields.entries("volumes") { key, tree, path throws(BerthError) in
                try ProjectVolume.decode(key: key, project: name, tree, at(path))
            } ?? [:]
        project.secrets =
            try fields.entries("secrets") { key, tree, path throws(BerthError) in
                try ProjectFile.decode(key: key, project: name, environment: environment, tree, at(path))
            } ?? [:]
        project.configs =
            try fields.entries("configs") { key, tree, path throws(BerthError) in
                try ProjectFile.decode(key: key, project: name, environment: environment, tree, at(path))
            } ?? [:]
        if let models = fields.value("models") { throw models.invalid("models is not supported by this engine") }
        try fields.finish()
        for (key, value) in tree.mapping ?? [:] where key.hasPrefix("x-") { project.extensions[key] = value }
        return project
    }
}
