import Testing

@testable import DNS

/// A query's bytes: RD set, one question, optionally an OPT record.
private func query(_ name: String, _ type: RecordType, edns: UInt16? = nil, version: UInt8 = 0) -> [UInt8] {
    var bytes: [UInt8] = [0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, edns == nil ? 0 : 1]
    for label in name.split(separator: ".") { bytes += [UInt8(label.utf8.count)] + Array(label.utf8) }
    bytes += [0, UInt8(type.rawValue >> 8), UInt8(type.rawValue & 0xff), 0, 1]
    if let edns { bytes += [0, 0, 41, UInt8(edns >> 8), UInt8(edns & 0xff), 0, version, 0, 0, 0, 0] }
    return bytes
}

private func answer(_ outcome: Resolver.Outcome) -> [UInt8] {
    if case .answer(let bytes) = outcome { return bytes }
    Issue.record("no answer but \(outcome)")
    return Array(repeating: 0xff, count: 12)
}

@Suite struct ResolverTests {
    let front = NameTable(parsing: "network front\n172.18.0.2 web\n172.18.0.3 web\n172.18.0.4 db".utf8)
    let back = NameTable(parsing: "network back\n172.19.0.2 db\nfd00::7 six".utf8)
    var tables: [NameTable] { [front, back] }

    @Test func addressToTheByte() {
        let bytes = answer(Resolver.resolve(query("Db", .a), in: tables))
        #expect(
            bytes == [
                0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0,
                2, 0x44, 0x62, 0, 0, 1, 0, 1,
                0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 10, 0, 4, 172, 18, 0, 4,
            ])
    }

    @Test func firstNetworkDecides() {
        #expect(answer(Resolver.resolve(query("db", .a), in: [back, front])).suffix(4) == [172, 19, 0, 2])
        #expect(answer(Resolver.resolve(query("db.back", .a), in: tables)).suffix(4) == [172, 19, 0, 2])
    }

    @Test func addressesTakeTurns() {
        let first = answer(Resolver.resolve(query("web", .a), in: tables, rotation: 0))
        let second = answer(Resolver.resolve(query("web", .a), in: tables, rotation: 1))
        #expect(first[7] == 2)
        #expect(first.suffix(4) == [172, 18, 0, 3])
        #expect(second.suffix(4) == [172, 18, 0, 2])
        #expect(answer(Resolver.resolve(query("web", .a), in: tables, rotation: .min)).count == first.count)
    }

    @Test func knownNameWithoutSuchARecordIsEmpty() {
        for (name, type) in [("web", RecordType.aaaa), ("six", .a), ("web", RecordType(rawValue: 15))] {
            let bytes = answer(Resolver.resolve(query(name, type), in: tables))
            #expect(bytes[3] & 0xf == 0)
            #expect(bytes[7] == 0)
        }
        #expect(
            answer(Resolver.resolve(query("six", .aaaa), in: tables)).suffix(16) == IPAddress("fd00::7")!.bytes[...])
    }

    @Test func strangersAreForwarded() {
        #expect(Resolver.resolve(query("nobody", .a), in: tables) == .forward)
        #expect(Resolver.resolve(query("example.com", .a), in: tables) == .forward)
        #expect(Resolver.resolve(query("", .a), in: tables) == .forward)
        #expect(Resolver.resolve(query("9.9.9.9.in-addr.arpa", .ptr), in: tables) == .forward)
        var chaos = query("web", .a)
        chaos[chaos.count - 1] = 3
        #expect(Resolver.resolve(chaos, in: tables) == .forward)
    }

    @Test func reverseLookup() {
        let bytes = answer(Resolver.resolve(query("4.0.18.172.in-addr.arpa", .ptr), in: tables))
        #expect(bytes.suffix(10) == [2, 0x64, 0x62, 5, 0x66, 0x72, 0x6f, 0x6e, 0x74, 0])
        let six = Array("7" + String(repeating: "0", count: 28) + "0df").map(String.init).joined(separator: ".")
        #expect(answer(Resolver.resolve(query(six + ".ip6.arpa", .ptr), in: tables))[7] == 1)
    }

    @Test func longAnswersAreCutAndSaySo() {
        var table = NameTable(network: "n")
        for host in 1...200 { try? table.add(IPAddress(.v4, 0x0a00_0000 + UInt128(host)), names: ["many"]) }
        let short = answer(Resolver.resolve(query("many", .a), in: [table]))
        #expect(short.count <= 512)
        #expect(short[2] & 0x02 != 0)
        let wide = answer(Resolver.resolve(query("many", .a, edns: 1232), in: [table]))
        #expect((513...1232).contains(wide.count))
        #expect(wide[2] & 0x02 != 0)
        let stream = answer(Resolver.resolve(query("many", .a), in: [table], over: .stream))
        #expect(stream[7] == 200)
        #expect(stream[2] & 0x02 == 0)
    }

    @Test func optionsAreAnswered() {
        let bytes = answer(Resolver.resolve(query("db", .a, edns: 4096), in: tables))
        #expect(bytes[11] == 1)
        #expect(bytes.suffix(11) == [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0])
        let future = answer(Resolver.resolve(query("db", .a, edns: 4096, version: 1), in: tables))
        #expect(future.suffix(11) == [0, 0, 41, 0x04, 0xd0, 1, 0, 0, 0, 0, 0])
        #expect(future[7] == 0)
    }

    @Test func failures() {
        #expect(Resolver.reply(to: query("nobody", .a), with: .serverFailure)?[3] == 0x82)
        #expect(Resolver.reply(to: query("nobody", .a), with: .nameError)?[3] == 0x83)
        #expect(Resolver.reply(to: [1, 2, 3], with: .serverFailure) == nil)
    }

    @Test func unsoundQueries() {
        #expect(Resolver.resolve([], in: tables) == .drop)
        #expect(Resolver.resolve(Array(query("db", .a).prefix(11)), in: tables) == .drop)
        var response = query("db", .a)
        response[2] |= 0x80
        #expect(Resolver.resolve(response, in: tables) == .drop)
        var update = query("db", .a)
        update[2] |= 0x28
        #expect(answer(Resolver.resolve(update, in: tables))[3] & 0xf == 4)
        #expect(answer(Resolver.resolve(Array(query("db", .a).dropLast()), in: tables))[3] & 0xf == 1)
        var loop = query("db", .a)
        loop[12] = 0xc0
        #expect(answer(Resolver.resolve(loop, in: tables))[3] & 0xf == 1)
    }

    /// Random bytes, random damage to a good query: no trap, and an answer always matches its query.
    @Test func noise() {
        var random = SystemRandomNumberGenerator()
        for round in 0..<20_000 {
            var bytes = query("web.front", .a, edns: 1232)
            if round.isMultiple(of: 2) {
                for _ in 0..<Int.random(in: 1...6) {
                    bytes[Int.random(in: 2..<bytes.count)] = .random(in: 0...255, using: &random)
                }
                bytes.removeLast(Int.random(in: 0...8))
            } else {
                bytes = (0..<Int.random(in: 0...80)).map { _ in .random(in: 0...255) }
            }
            if case .answer(let reply) = Resolver.resolve(bytes, in: tables) {
                #expect(reply.count >= 12 && reply[0] == bytes[0] && reply[1] == bytes[1] && reply[2] & 0x80 != 0)
            }
            _ = NameTable(parsing: bytes)
        }
    }
}
