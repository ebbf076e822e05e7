import Errors
import Glibc
import Linux

/// Walks to the directory of one entry after the other. Archives list a directory's entries
/// together, so the descriptors along the last path are kept and most steps need no system call.
///
/// One component is opened at a time without following links; where a component is a symbolic link,
/// the kernel resolves the path beneath the root (`RESOLVE_IN_ROOT`). Nothing is ever resolved outside.
struct DirectoryCursor {
    let root: FileDescriptor
    private var steps: [(name: RawPath, directory: FileDescriptor)] = []

    init(root: FileDescriptor) { self.root = root }

    /// The directory that `path` names.
    /// - Parameter missing: called where a component does not exist or is not a directory, with the
    ///   directory that should hold it; makes it, or throws.
    mutating func enter(
        _ path: ArraySlice<RawPath>,
        missing: (_ parent: FileDescriptor, _ path: ArraySlice<RawPath>, _ error: SystemError) throws -> Void
    ) throws -> FileDescriptor {
        var common = 0
        for (step, name) in zip(steps, path) {
            if step.name != name { break }
            common += 1
        }
        if common < steps.count { steps.removeLast(steps.count - common) }
        var current = steps.last?.directory ?? root
        for index in path.indices.dropFirst(common) {
            let soFar = path[...index]
            do throws(SystemError) {
                current = try open(path[index], in: current, soFar)
            } catch {
                try missing(current, soFar, error)
                current = try open(path[index], in: current, soFar)
            }
            steps.append((path[index], current))
        }
        return current
    }

    /// To be called when a name is removed or replaced: what is kept below it is not there any more.
    mutating func forget(_ path: [RawPath]) {
        guard steps.count >= path.count, zip(steps, path).allSatisfy({ $0.name == $1 }) else { return }
        steps.removeLast(steps.count - path.count + 1)
    }

    private func open(
        _ name: RawPath, in parent: FileDescriptor, _ path: ArraySlice<RawPath>
    ) throws(SystemError) -> FileDescriptor {
        do throws(SystemError) {
            return try parent.open(name, O_RDONLY | O_DIRECTORY)
        } catch {
            guard error.errno == ENOTDIR || error.errno == ELOOP else { throw error }
            // Perhaps a link to a directory.
            return try root.openInRoot(RawPath.joined(path), O_RDONLY | O_DIRECTORY)
        }
    }
}
