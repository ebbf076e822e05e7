import Glibc
import Linux
import Testing

@Suite struct SpawnTests {
    /// What is handed on may have any number here, those of the targets and those that serve on the way among them.
    @Test(arguments: [3, 4, 5, 6, 7, 40, 515, 516, 517, 518, 519])
    func descriptorsOfAnyNumberAreHandedOn(_ number: Int32) throws {
        let pipe = try FileDescriptor.pipe()
        let null = try FileDescriptor.open("/dev/null", O_RDWR)
        // A free number at or above the one asked for.
        let copy = FileDescriptor(owning: fcntl(pipe.write.rawValue, F_DUPFD_CLOEXEC, number))
        let pid = try Process.spawn(
            "/bin/sh", ["sh", "-c", "echo here >&3"], environment: ["PATH=/bin"],
            inheriting: [.init(null, as: 0), .init(null, as: 1), .init(null, as: 2), .init(copy, as: 3)])
        #expect(try Process.wait(pid).code == 0)
        let said = try pipe.read.read(upTo: 100)
        #expect(String(decoding: said, as: UTF8.self) == "here\n")
    }
}
