import Archive
import Errors
import Glibc
import Linux

/// Whether a file is a tar, plain or compressed in any way that `Archive` knows. Its name plays no part.
func isTar(_ file: FileDescriptor) throws -> Bool {
    guard try file.status().size > 0, let reader = try? TarReader(from: file) else { return false }
    return (try? reader.next()) != nil
}

extension CopyPlan {
    /// Whether the single file is an archive.
    var isArchive: Bool {
        guard isSingleFile, let entry = entries.first, entry.status.kind == .file else { return false }
        return (try? isTar(tree.root.file(entry.source))) ?? false
    }
}

extension RootWriter {
    /// Unpacks the archive that a plan's single file is into the directory `destination`. Files keep
    /// the archive's owners unless `owner` is set.
    func unpack(_ plan: CopyPlan, to destination: RawPath) throws {
        guard let entry = plan.entries.first else { return }
        try makeDirectories(destination)
        var options = ExtractionOptions()
        if let owner { options.ownership = .fixed(userID: owner.user, groupID: owner.group) }
        try describing("unpacking \(entry.source) to /\(destination)") {
            _ = try Extraction.extract(
                from: try plan.tree.root.file(entry.source), into: try root.directory(destination), options: options)
        }
    }
}
