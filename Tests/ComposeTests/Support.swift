import Errors
import FoundationEssentials
import Testing

@testable import Compose

/// A folder of its own with Compose files in it, removed when it goes away.
final class Folder {
    let path: String

    init(_ files: [String: String] = [:], name: String = "demo") throws {
        path = FileManager.default.temporaryDirectory.path + "/compose-\(UUID().uuidString)/\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (name, text) in files { try write(name, text) }
    }

    deinit { try? FileManager.default.removeItem(atPath: FilePath.directory(of: path)) }

    func write(_ name: String, _ text: String) throws {
        let file = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: FilePath.directory(of: file), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: file))
    }

    func load(
        _ files: [String] = [], environment: [String: String] = [:], _ change: (inout LoadOptions) -> Void = { _ in }
    ) throws -> Project {
        var options = LoadOptions(environment: environment, currentDirectory: path)
        options.files = files
        change(&options)
        return try Loader.load(options)
    }
}

/// Loads one file's text.
func load(_ yaml: String, environment: [String: String] = [:]) throws -> Project {
    try Folder(["compose.yaml": yaml]).load(environment: environment)
}

/// Loads one service, given its keys as they stand below its name.
func service(_ keys: String, top: String = "") throws -> Service {
    let indented = keys.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + $0 }
    let yaml = "services:\n  web:\n    image: app\n" + indented.joined(separator: "\n") + "\n" + top
    return try #require(try load(yaml).services["web"])
}

/// The message of the error that loading throws.
func failure(_ yaml: String, environment: [String: String] = [:]) -> String {
    do {
        _ = try load(yaml, environment: environment)
        return ""
    } catch {
        return "\(error)"
    }
}
