/// An address range in CIDR notation.
struct AddressPrefix {
    private let bytes: [UInt8]
    private let length: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/")
        guard parts.count == 2, let bytes = Self.bytes(String(parts[0])), let length = Int(parts[1]),
            (0...bytes.count * 8).contains(length)
        else { return nil }
        self.bytes = bytes
        self.length = length
    }

    func contains(_ address: String) -> Bool {
        guard let other = Self.bytes(address), other.count == bytes.count else { return false }
        return (0..<length).allSatisfy { bit in
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            return bytes[bit / 8] & mask == other[bit / 8] & mask
        }
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        guard text.contains(":") else {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
            return parts.count == 4 && !parts.contains(nil) ? parts.compactMap { $0 } : nil
        }
        let halves = text.components(separatedByDouble: ":")
        func groups(_ text: String) -> [UInt8]? {
            let groups = text.split(separator: ":").map { UInt16($0, radix: 16) }
            return groups.contains(nil) ? nil : groups.compactMap { $0 }.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
        }
        guard let head = groups(halves.0), let tail = groups(halves.1 ?? "") else { return nil }
        let missing = 16 - head.count - tail.count
        guard missing == 0 || (missing > 0 && halves.1 != nil) else { return nil }
        return head + [UInt8](repeating: 0, count: missing) + tail
    }
}

extension String {
    /// What stands before and behind the first `::`; nil behind when there is none.
    fileprivate func components(separatedByDouble separator: Character) -> (String, String?) {
        guard let range = firstRange(of: "\(separator)\(separator)") else { return (self, nil) }
        return (String(self[..<range.lowerBound]), String(self[range.upperBound...]))
    }
}
