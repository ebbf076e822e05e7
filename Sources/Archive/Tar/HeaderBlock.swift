/// A ustar header block being filled in. Fields that do not fit are left empty and told, so that a
/// pax record carries them.
struct HeaderBlock {
    private var bytes = [UInt8](repeating: 0, count: 512)

    /// Number fields: where they are.
    enum Number {
        case mode, userID, groupID, size, modified, deviceMajor, deviceMinor

        fileprivate var range: Range<Int> {
            switch self {
            case .mode: 100..<108
            case .userID: 108..<116
            case .groupID: 116..<124
            case .size: 124..<136
            case .modified: 136..<148
            case .deviceMajor: 329..<337
            case .deviceMinor: 337..<345
            }
        }
    }

    init() {
        put(Array("ustar\u{0}00".utf8), at: 257)
        for number in [Number.mode, .userID, .groupID, .size, .modified, .deviceMajor, .deviceMinor] {
            _ = setNumber(number, 0)
        }
    }

    /// Octal digits and a zero.
    mutating func setNumber(_ field: Number, _ value: Int64) -> Bool {
        let range = field.range
        let digits = range.count - 1
        guard value >= 0, value < 1 << (3 * Int64(digits)) else { return false }
        var rest = value
        for index in (range.lowerBound..<range.lowerBound + digits).reversed() {
            bytes[index] = UInt8(ascii: "0") + UInt8(rest & 7)
            rest >>= 3
        }
        return true
    }

    /// The path, split at a slash into prefix and name when it is longer than the name field. When it
    /// does not fit, its beginning is put there for readers that do not know pax.
    mutating func setPath(_ path: [UInt8]) -> Bool {
        if path.count <= 100 {
            put(path, at: 0)
            return true
        }
        if path.count <= 256 {
            let slash = UInt8(ascii: "/")
            // A directory's last slash belongs to its name.
            for index in max(path.count - 101, 1)..<min(156, path.count - 1) where path[index] == slash {
                put(Array(path[..<index]), at: 345)
                put(Array(path[(index + 1)...]), at: 0)
                return true
            }
        }
        put(Array(path.prefix(100)), at: 0)
        return false
    }

    mutating func setLink(_ target: [UInt8]) -> Bool {
        put(Array(target.prefix(100)), at: 157)
        return target.count <= 100
    }

    mutating func setType(_ flag: UInt8) { bytes[156] = flag }

    /// The block with its checksum: the sum of all bytes, with the checksum's own as spaces.
    func finished() -> [UInt8] {
        var block = bytes
        for index in 148..<156 { block[index] = UInt8(ascii: " ") }
        var sum = block.reduce(0) { $0 + Int($1) }
        for index in (148..<154).reversed() {
            block[index] = UInt8(ascii: "0") + UInt8(sum & 7)
            sum >>= 3
        }
        block[154] = 0
        return block
    }

    private mutating func put(_ value: [UInt8], at offset: Int) {
        bytes.replaceSubrange(offset..<offset + value.count, with: value)
    }
}

/// Records of a pax extended header: `length key=value\n`, where the length counts itself.
struct PaxRecords {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ key: String, _ value: some Collection<UInt8>) {
        let rest = 1 + key.utf8.count + 1 + value.count + 1
        var length = rest
        while length != rest + String(length).utf8.count { length = rest + String(length).utf8.count }
        bytes.append(contentsOf: "\(length) \(key)=".utf8)
        bytes.append(contentsOf: value)
        bytes.append(UInt8(ascii: "\n"))
    }

    mutating func add(_ key: String, _ value: Int64) { add(key, Array(String(value).utf8)) }
}
