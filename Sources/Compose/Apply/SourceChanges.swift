import Archive
import Errors
import FoundationEssentials
import Linux

/// Looks in a build's context for files that are newer than the image that was built from it.
///
/// Only tells the user: times may lie (a checkout touches files), so nothing is decided by them.
struct SourceChanges {
    /// Larger contexts are not searched to the end; a hint is not worth a long wait.
    static let limit = 20_000

    private let context: String
    private let ignore: IgnoreFile?
    /// Seconds since 1970.
    private let builtAt: Double
    private var seen = 0

    /// - Parameter builtAt: when the image was made or tagged.
    init(context: String, builtAt: Date) {
        self.context = context
        self.builtAt = builtAt.timeIntervalSince1970
        let text = try? TextFile.read(context + "/.dockerignore")
        ignore = text.flatMap { try? IgnoreFile(text: $0) }
    }

    /// The first newer file, relative to the context; nil when there is none, or none could be read.
    mutating func firstNewer() -> String? { search("") }

    private mutating func search(_ folder: String) -> String? {
        guard let directory = try? FileDescriptor.openDirectory(folder.isEmpty ? context : "\(context)/\(folder)"),
            let names = try? directory.rawEntries()
        else { return nil }
        var folders: [String] = []
        for name in names.map({ "\($0)" }).sorted() {
            seen += 1
            guard seen < Self.limit else { return nil }
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            guard let status = try? directory.status(of: name), path != ".git" else { continue }
            let isExcluded = ignore?.excludes(path) == true
            if status.isDirectory {
                if !isExcluded || ignore?.mayContainIncluded(path) == true { folders.append(path) }
            } else if !isExcluded, Double(status.modified) / 1e9 > builtAt {
                return path
            }
        }
        for folder in folders {
            if let found = search(folder) { return found }
        }
        return nil
    }
}
