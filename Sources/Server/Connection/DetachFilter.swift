/// Finds the keys by which a client leaves a terminal in what it types. A part of them that turns out
/// to be something else is passed on late, never lost.
struct DetachFilter {
    private let keys: [UInt8]
    private var matched = 0

    /// Nil when there are no keys.
    init?(_ keys: [UInt8]) {
        guard !keys.isEmpty else { return nil }
        self.keys = keys
    }

    /// What of `bytes` goes on to the program, and whether the client leaves.
    mutating func pass(_ bytes: some Sequence<UInt8>) -> (rest: [UInt8], leaves: Bool) {
        var rest: [UInt8] = []
        for byte in bytes {
            if byte != keys[matched] {
                rest += keys[..<matched]
                matched = 0
            }
            if byte == keys[matched] {
                matched += 1
                if matched == keys.count { return (rest, true) }
            } else {
                rest.append(byte)
            }
        }
        return (rest, false)
    }
}
