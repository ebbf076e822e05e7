import OCI

import struct Crypto.SHA256

/// A digest over typed fields. Each field is written with its name and length, so that no two
/// different sequences of fields give the same bytes.
struct KeyBuilder {
    private var hash = SHA256()

    /// - Parameter domain: what is keyed; change it when the meaning of the fields changes.
    init(_ domain: String) { add("domain", domain) }

    mutating func add(_ name: String, _ value: some Collection<UInt8>) {
        for part in [Array(name.utf8), Array(value)] {
            withUnsafeBytes(of: UInt64(part.count).littleEndian) { hash.update(bufferPointer: $0) }
            part.withUnsafeBytes { hash.update(bufferPointer: $0) }
        }
    }

    mutating func add(_ name: String, _ value: String) { add(name, value.utf8) }

    mutating func add(_ name: String, _ values: [String]) {
        add(name, "\(values.count)")
        for value in values { add(name, value) }
    }

    /// Absent and empty differ.
    mutating func add(_ name: String, ifPresent value: String?) { add(name, value.map { [$0] } ?? []) }

    mutating func add(_ name: String, _ flag: Bool) { add(name, flag ? "1" : "0") }

    func finish() -> Digest { Digest(sha256: hash.finalize()) }
}

extension Digest {
    /// Names the root file system that layers give: changes whenever any of them does.
    static func chain(_ diffIDs: [Digest]) -> Digest {
        var key = KeyBuilder("chain")
        key.add("layers", diffIDs.map(\.description))
        return key.finish()
    }
}
