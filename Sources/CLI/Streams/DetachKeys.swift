import Errors

/// The keys that leave a container without stopping it: `ctrl-p,ctrl-q` unless chosen otherwise.
struct DetachKeys: Sendable, Equatable {
    let bytes: [UInt8]

    static let standard = DetachKeys(bytes: [16, 17])

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// Keys separated by commas, each a character or `ctrl-` with one of `a`–`z`, `@`, `[`, `\`, `]`, `^`, `_`.
    init(parsing text: String) throws(BerthError) {
        var bytes: [UInt8] = []
        for key in text.split(separator: ",", omittingEmptySubsequences: false) {
            if key.utf8.count == 1, let byte = key.utf8.first {
                bytes.append(byte)
            } else if key.hasPrefix("ctrl-"), key.utf8.count == 6, let byte = key.utf8.last,
                (UInt8(ascii: "@")...UInt8(ascii: "z")).contains(byte)
            {
                bytes.append(byte & 0x1F)
            } else {
                throw .invalidArgument("invalid detach keys: unknown character: '\(key)'")
            }
        }
        self.bytes = bytes
    }
}

/// Looks for the detach keys in what is typed. Bytes that may be their beginning are held back until
/// the next one decides.
struct DetachFilter {
    private let keys: [UInt8]
    private var matched = 0

    init(_ keys: DetachKeys) { self.keys = keys.bytes }

    /// - Returns: what goes to the container, and whether the keys are complete.
    mutating func pass(_ typed: [UInt8]) -> (bytes: [UInt8], detaches: Bool) {
        guard !keys.isEmpty else { return (typed, false) }
        var out: [UInt8] = []
        for byte in typed {
            if byte == keys[matched] {
                matched += 1
                if matched == keys.count { return (out, true) }
                continue
            }
            out += keys[..<matched]
            matched = byte == keys[0] ? 1 : 0
            if matched == 0 { out.append(byte) }
            if matched == keys.count { return (out, true) }
        }
        return (out, false)
    }
}
