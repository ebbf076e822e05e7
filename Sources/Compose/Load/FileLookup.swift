import Errors
import FoundationEssentials

/// Finds the project's files (Compose specification, "Compose file").
struct FileLookup {
    static let names = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"]
    static let overrides = [
        "compose.override.yaml", "compose.override.yml", "docker-compose.override.yaml", "docker-compose.override.yml",
    ]

    /// Absolute paths, or `-`.
    var files: [String]
    var warnings: [String] = []

    /// - Throws: `notFound` with Compose's text when there is no file.
    static func find(_ options: LoadOptions, environment: [String: String]) throws(BerthError) -> FileLookup {
        var written = options.files
        if written.isEmpty, let list = environment["COMPOSE_FILE"], !list.isEmpty {
            let separator = environment["COMPOSE_PATH_SEPARATOR"] ?? ":"
            written = list.components(separatedBy: separator)
        }
        if !written.isEmpty {
            return FileLookup(
                files: written.map { file in
                    file == "-" ? file : FilePath.absolute(file, from: options.currentDirectory)
                })
        }
        let start = options.projectDirectory.map { FilePath.absolute($0, from: options.currentDirectory) }
        return try search(from: start ?? options.currentDirectory)
    }

    private static func search(from start: String) throws(BerthError) -> FileLookup {
        var directory = FilePath.clean(start)
        while true {
            let candidates = existing(names, in: directory)
            if let file = candidates.first {
                let overrides = existing(Self.overrides, in: directory)
                var lookup = FileLookup(files: [file] + overrides.prefix(1))
                for found in [candidates, overrides] where found.count > 1 {
                    let list = found.map(FilePath.name).joined(separator: ", ")
                    lookup.warnings.append(
                        "Found multiple config files with supported names: \(list). Using \(FilePath.name(of: found[0]))"
                    )
                }
                return lookup
            }
            guard directory != "/" else { break }
            directory = FilePath.directory(of: directory)
        }
        throw .notFound(
            "no configuration file provided: not found (looked for \(names.joined(separator: ", ")) in \(start) and above; "
                + "name one with -f)")
    }

    private static func existing(_ names: [String], in directory: String) -> [String] {
        names.map { directory == "/" ? "/" + $0 : directory + "/" + $0 }.filter { FilePath.kind(of: $0) == .file }
    }
}

/// Reads text files with errors that name them.
enum TextFile {
    static func read(_ path: String) throws(BerthError) -> String {
        switch FilePath.kind(of: path) {
        case .missing: throw .notFound("open \(path): no such file or directory")
        case .directory: throw .invalidArgument("read \(path): is a directory")
        case .file: break
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw BerthError(.permissionDenied, "open \(path): permission denied")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw .invalidArgument("read \(path): the file is not UTF-8 text")
        }
        return text
    }
}

extension String {
    func components(separatedBy separator: String) -> [String] {
        guard !separator.isEmpty else { return [self] }
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
