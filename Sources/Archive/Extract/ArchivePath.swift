import Errors
import Linux

/// The parts of a path in an archive, relative to the archive's root: no empty ones, no `.`, `..`
/// taken back.
/// - Throws: `BerthError.invalidArgument` when the path leads out of the root or is longer than `limit`.
func archiveComponents(_ path: RawPath, limit: Int) throws(BerthError) -> [RawPath] {
    guard path.count <= limit else {
        throw .invalidArgument("the archive holds a path of \(path.count) bytes; at most \(limit) are accepted")
    }
    var components: [RawPath] = []
    for part in path.bytes.split(separator: UInt8(ascii: "/")) {
        if part.elementsEqual([UInt8(ascii: ".")]) { continue }
        if part.elementsEqual("..".utf8) {
            guard components.popLast() != nil else {
                throw .invalidArgument("the archive entry \"\(path)\" points outside the archive's root")
            }
            continue
        }
        components.append(RawPath(part))
    }
    return components
}
