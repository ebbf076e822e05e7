import Errors
import OrderedCollections

/// The environment that a project is loaded with: the process's over `.env`'s.
enum EnvironmentLoader {
    /// Adds the variables of a project's `.env` (or of `--env-file`) that are not set already.
    ///
    /// - Parameter explicit: files that must exist, later ones first in rank; empty means `.env`.
    static func extend(
        _ environment: [String: String], explicit: [String], directory: String
    ) throws(BerthError) -> [String: String] {
        var files = explicit
        if files.isEmpty {
            let standard = directory + "/.env"
            // A folder of that name is a virtual environment of some languages, not ours.
            guard environment["COMPOSE_DISABLE_ENV_FILE"] != "1", FilePath.kind(of: standard) == .file else {
                return environment
            }
            files = [standard]
        }
        var added: [String: String] = [:]
        for file in files {
            let text: String
            do {
                text = try TextFile.read(file)
            } catch let error where error.code == .notFound {
                throw .notFound("couldn't find env file: \(file)")
            }
            let known = added
            let parsed = try DotEnv.parse(text, file: file) { environment[$0] ?? known[$0] }
            for (name, value) in parsed {
                if let value { added[name] = value }
            }
        }
        return environment.merging(added) { own, _ in own }
    }

    /// The paths of `--env-file`, or of `COMPOSE_ENV_FILES`, made absolute.
    static func explicitFiles(_ options: LoadOptions) -> [String] {
        var files = options.envFiles
        if files.isEmpty, let list = options.environment["COMPOSE_ENV_FILES"], !list.isEmpty {
            files = list.components(separatedBy: ",")
        }
        return files.map { FilePath.absolute($0.trimmed(), from: options.currentDirectory) }
    }
}

extension Service {
    /// Reads `env_file` and `label_file`, and gives variables without a value that of the project.
    ///
    /// - Throws: `notFound` that names the service, the file and the place where it is asked for.
    mutating func resolveFiles(environment outer: [String: String]) throws(BerthError) {
        var resolved: OrderedDictionary<String, String?> = [:]
        for file in envFiles {
            switch FilePath.kind(of: file.path) {
            case .file: break
            case .missing where !file.required: continue
            case .missing:
                throw Tree(.null, at: file.location).notFound(
                    "env file \(file.path) not found: service \"\(name)\" needs it; create it, "
                        + "or write \"required: false\" in the service's env_file")
            case .directory:
                throw Tree(.null, at: file.location).error(
                    "env file \(file.path) of service \"\(name)\" is a directory")
            }
            let text = try TextFile.read(file.path)
            let known = resolved
            let parsed =
                file.format == .raw
                ? DotEnv.parseRaw(text) : try DotEnv.parse(text, file: file.path) { (known[$0] ?? nil) ?? outer[$0] }
            for (key, value) in parsed where value != nil { resolved[key] = value }
        }
        for (key, value) in environment {
            resolved.updateValue(value ?? outer[key], forKey: key)
        }
        environment = resolved
        envFiles = []

        var read: OrderedDictionary<String, String> = [:]
        for file in labelFiles {
            let parsed = try DotEnv.parse(TextFile.read(file), file: file) { outer[$0] }
            for (key, value) in parsed { read[key] = value ?? "" }
        }
        labels = read.merging(labels) { _, own in own }
        labelFiles = []
    }
}

extension Tree {
    func notFound(_ message: String) -> BerthError {
        var error = self.error(message)
        error.code = .notFound
        return error
    }
}
