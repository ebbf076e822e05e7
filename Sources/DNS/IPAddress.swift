/// An IPv4 or IPv6 address as a number, so that both families share one arithmetic.
public struct IPAddress: Hashable, Sendable {
    public enum Family: Sendable, Hashable {
        case v4, v6

        /// Bits of an address.
        public var width: Int {
            switch self {
            case .v4: 32
            case .v6: 128
            }
        }
    }

    public let family: Family
    /// The address as a number in host order; below 2³² for IPv4.
    public let value: UInt128

    /// `value` must fit the family; what exceeds it is cut off.
    public init(_ family: Family, _ value: UInt128) {
        self.family = family
        self.value = family == .v4 ? value & 0xffff_ffff : value
    }

    /// From network order: four bytes or sixteen.
    public init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4: family = .v4
        case 16: family = .v6
        default: return nil
        }
        value = bytes.reduce(0) { $0 << 8 | UInt128($1) }
    }

    /// In network order: four bytes or sixteen.
    public var bytes: [UInt8] {
        stride(from: family.width - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    /// `0.0.0.0` or `::`, which stand for every address of the host.
    public var isUnspecified: Bool { value == 0 }

    /// `127.0.0.0/8` or `::1`.
    public var isLoopback: Bool {
        switch family {
        case .v4: value >> 24 == 127
        case .v6: value == 1
        }
    }
}

extension IPAddress: Comparable {
    /// IPv4 before IPv6, then by number.
    public static func < (a: IPAddress, b: IPAddress) -> Bool {
        a.family == b.family ? a.value < b.value : a.family == .v4
    }
}

// MARK: - Text

extension IPAddress: LosslessStringConvertible {
    /// Dotted decimal (no leading zeros, which some programs take for octal) or RFC 4291 text.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        if bytes.contains(UInt8(ascii: ":")) {
            guard let value = Self.parseV6(bytes) else { return nil }
            self.init(.v6, value)
        } else {
            guard let value = Self.parseV4(bytes[...]) else { return nil }
            self.init(.v4, UInt128(value))
        }
    }

    private static func parseV4(_ text: ArraySlice<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            if part.count > 1, part.first == UInt8(ascii: "0") { return nil }
            let number = part.reduce(0) { $0 * 10 + UInt32($1 - 0x30) }
            guard number < 256 else { return nil }
            value = value << 8 | number
        }
        return value
    }

    /// Groups of 16 bits, with `::` once for a run of zeros and an IPv4 tail allowed (RFC 4291 §2.2).
    private static func parseV6(_ text: [UInt8]) -> UInt128? {
        let colon = UInt8(ascii: ":")
        var halves: [ArraySlice<UInt8>] = [text[...]]
        if let gap = text.indices.dropLast().first(where: { text[$0] == colon && text[$0 + 1] == colon }) {
            halves = [text[..<gap], text[(gap + 2)...]]
        }
        var groups: [[UInt16]] = []
        for (index, half) in halves.enumerated() {
            guard let parsed = parseGroups(half, mayEndInV4: index == halves.count - 1) else { return nil }
            groups.append(parsed)
        }
        let present = groups.reduce(0) { $0 + $1.count }
        let all: [UInt16]
        if groups.count == 2 {
            guard present < 8 else { return nil }
            all = groups[0] + Array(repeating: 0, count: 8 - present) + groups[1]
        } else {
            guard present == 8 else { return nil }
            all = groups[0]
        }
        return all.reduce(0) { $0 << 16 | UInt128($1) }
    }

    private static func parseGroups(_ text: ArraySlice<UInt8>, mayEndInV4: Bool) -> [UInt16]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if mayEndInV4, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let value = parseV4(part) else { return nil }
                groups.append(UInt16(value >> 16))
                groups.append(UInt16(value & 0xffff))
            } else {
                guard (1...4).contains(part.count),
                    part.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
                    let group = UInt16(String(decoding: part, as: UTF8.self), radix: 16)
                else { return nil }
                groups.append(group)
            }
        }
        return groups
    }

    /// Dotted decimal, or RFC 5952: lower case, the longest run of zero groups as `::`.
    public var description: String {
        switch family {
        case .v4:
            return bytes.map(String.init).joined(separator: ".")
        case .v6:
            let groups = (0..<8).map { UInt16(truncatingIfNeeded: value >> (112 - 16 * $0)) }
            guard let run = Self.longestZeroRun(groups) else {
                return groups.map { String($0, radix: 16) }.joined(separator: ":")
            }
            let head = groups[..<run.lowerBound].map { String($0, radix: 16) }.joined(separator: ":")
            let tail = groups[run.upperBound...].map { String($0, radix: 16) }.joined(separator: ":")
            return "\(head)::\(tail)"
        }
    }

    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int>? {
        var best: Range<Int>?
        var start = 0
        while start < groups.count {
            let end = groups[start...].firstIndex { $0 != 0 } ?? groups.count
            if end - start > max(1, best?.count ?? 1) { best = start..<end }
            start = max(end, start + 1)
        }
        return best
    }
}
