import Errors

/// A content digest, `algorithm:hex`, as in the OCI image specification, section "Digests".
/// Only `sha256` (64 hex digits) and `sha512` (128) are accepted, in lower case.
public struct Digest: Hashable, Sendable, CustomStringConvertible {
    public enum Algorithm: String, Sendable {
        case sha256, sha512

        var hexLength: Int { self == .sha256 ? 64 : 128 }
    }

    public let algorithm: Algorithm
    public let hex: String

    public init(algorithm: Algorithm = .sha256, hex: String) throws(BerthError) {
        guard hex.utf8.count == algorithm.hexLength,
            hex.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) })
        else { throw .invalidArgument("invalid digest \"\(algorithm.rawValue):\(hex)\"") }
        self.algorithm = algorithm
        self.hex = hex
    }

    public init(_ text: String) throws(BerthError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let algorithm = Algorithm(rawValue: String(parts[0])) else {
            throw .invalidArgument("invalid digest \"\(text)\": expected sha256:<64 hex digits>")
        }
        try self.init(algorithm: algorithm, hex: String(parts[1]))
    }

    /// From the 32 bytes of a SHA-256.
    public init(sha256 bytes: some Sequence<UInt8>) {
        algorithm = .sha256
        hex = hexadecimal(bytes)
    }

    public var description: String { "\(algorithm.rawValue):\(hex)" }

    /// The first 12 hex digits, as lists show it.
    public var short: String { String(hex.prefix(12)) }
}

extension Digest: Codable {
    public init(from decoder: any Decoder) throws {
        try self.init(String(from: decoder))
    }
    public func encode(to encoder: any Encoder) throws {
        try description.encode(to: encoder)
    }
}

/// Lower-case hexadecimal of bytes.
public func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.underestimatedCount * 2)
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
