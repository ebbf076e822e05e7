import Errors

/// The keys that a client of a terminal types to leave it, as Docker writes them: `ctrl-p,ctrl-q`.
enum DetachKeys {
    static let standard: [UInt8] = [0x10, 0x11]

    /// Single characters, or `ctrl-` with a letter or one of `@[\\]^_`, separated by commas. Nil and ""
    /// are the standard ones.
    static func parse(_ text: String?) throws(BerthError) -> [UInt8] {
        guard let text, !text.isEmpty else { return standard }
        var keys: [UInt8] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let bytes = Array(word.utf8)
            if bytes.count == 1 {
                keys.append(bytes[0])
            } else if bytes.count == 6, word.lowercased().hasPrefix("ctrl-"), let key = control(bytes[5]) {
                keys.append(key)
            } else {
                throw .invalidArgument("Invalid detach keys (\(text)) provided: Unknown character: '\(word)'")
            }
        }
        return keys
    }

    private static func control(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x61...0x7a: byte - 0x60
        case 0x40: 0
        case 0x5b...0x5f: byte - 0x40
        default: nil
        }
    }
}
