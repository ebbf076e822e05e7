import Foundation
import Testing

@testable import Linux

struct CoreTests {
    @Test func timesAreRFC3339InUTC() {
        #expect(Clock.rfc3339(0) == "1970-01-01T00:00:00.000000000Z")
        #expect(Clock.rfc3339(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456789Z")
    }

    @Test(arguments: ["CAP_CHOWN", "chown", "Chown", "CHOWN"])
    func capabilitiesHaveSeveralSpellings(_ name: String) {
        #expect(CapabilitySet(name: name)?.names == ["CAP_CHOWN"])
    }

    @Test func unknownCapabilitiesAreLeftOut() {
        #expect(CapabilitySet(name: "CAP_FLYING") == nil)
        #expect(CapabilitySet(names: ["KILL", "CAP_FLYING"]).names == ["CAP_KILL"])
        #expect(CapabilitySet.all.names.count == 41)
    }

    @Test func mountsWithOddNamesAreRead() {
        let line = #"36 35 98:0 /mnt1 /mnt/with\040blank\134 rw,noatime master:1 - ext3 /dev/root rw,errors=continue"#
        let mount = MountInfo.parse(line + "\nnot a mount\n").first
        #expect(mount?.mountPoint == "/mnt/with blank\\")
        #expect(mount?.type == "ext3")
        #expect(mount?.superOptions == "rw,errors=continue")
    }

    @Test func atomicWritesLeaveNoTemporaryFile() throws {
        let directory = NSTemporaryDirectory() + "berth-core-\(UUID().uuidString)"
        try Files.makeDirectories(directory)
        defer { try? Files.removeTree(directory) }
        try Files.writeAtomically(directory + "/f", "one".utf8)
        try Files.writeAtomically(directory + "/f", "two".utf8)
        #expect(try Files.readText(directory + "/f") == "two")
        #expect(try FileDescriptor.openDirectory(directory).entries() == ["f"])
    }

    @Test func pathsCannotLeaveARoot() throws {
        let directory = NSTemporaryDirectory() + "berth-core-\(UUID().uuidString)"
        try Files.makeDirectories(directory + "/root")
        defer { try? Files.removeTree(directory) }
        try Files.write(directory + "/secret", "outside")
        try Files.write(directory + "/root/secret", "inside")
        let root = try FileDescriptor.openDirectory(directory + "/root")
        try root.makeSymbolicLink("up", to: "../secret")
        try root.makeSymbolicLink("away", to: directory + "/secret")
        #expect(try String(decoding: root.openInRoot("../../secret", O_RDONLY).readToEnd(), as: UTF8.self) == "inside")
        #expect(try String(decoding: root.openInRoot("up", O_RDONLY).readToEnd(), as: UTF8.self) == "inside")
        #expect(throws: SystemError.self) { try root.openInRoot("away", O_RDONLY) }
    }

    @Test func descriptorsTravelOverSockets() throws {
        let (here, there) = try UnixSocket.pair()
        let (read, write) = try FileDescriptor.pipe()
        try UnixSocket.send([7], descriptors: [write], over: here)
        let (bytes, descriptors) = try UnixSocket.receive(upTo: 10, over: there)
        #expect(bytes == [7])
        try #require(descriptors.count == 1)
        try descriptors[0].writeAll("hello")
        #expect(try read.read(upTo: 10) == Array("hello".utf8))
    }

    /// The last matching rule decides, so the program asks from the last to the first: a filter of one
    /// rule and the final denial has a known length.
    @Test func deviceFiltersCompileToFewInstructions() {
        let filter = DeviceFilter([
            DeviceFilter.Rule(allow: true, type: "c", major: 1, minor: 3, access: "rwm")
        ])
        // 6 to load, 3 tests, 2 to return 1, 2 to return 0.
        #expect(filter.program.count == 13)
        #expect(filter.program.last == 0x95)
        // What stands before a rule for all devices is never asked, and must not be in the program.
        let denied = DeviceFilter([
            DeviceFilter.Rule(allow: true, type: "c", major: 1, minor: 3, access: "rwm"),
            DeviceFilter.Rule(allow: false, type: "a", major: nil, minor: nil, access: "rwm"),
        ])
        #expect(denied.program.count == 8)
    }
}
