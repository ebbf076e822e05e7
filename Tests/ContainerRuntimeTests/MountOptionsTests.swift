import Linux
import Testing

@testable import ContainerRuntime

struct MountOptionsTests {
    @Test func attributesOfOneMount() {
        let options = MountOptions(["ro", "nosuid", "nodev", "noexec", "nodiratime", "nosymfollow"])
        #expect(
            options.attributes.set == [
                .readOnly, .noSetID, .noDevices, .noExecution, .noDirectoryAccessTimes, .noSymbolicLinks,
            ])
        #expect(options.attributes.clear.isEmpty)
        #expect(options.recursiveAttributes.isEmpty)
    }

    @Test func theLastOneCounts() {
        let options = MountOptions(["ro", "rw", "suid", "nosuid"])
        #expect(options.attributes.set == .noSetID)
        #expect(options.attributes.clear == .readOnly)
    }

    @Test func accessTimesAreOneField() {
        #expect(MountOptions(["noatime", "strictatime"]).attributes.set == .strictAccessTimes)
        let back = MountOptions(["noatime", "relatime"]).attributes
        #expect(back.set.isEmpty && back.clear == .accessTimeModes)
    }

    @Test func recursiveOnesStandApart() {
        let options = MountOptions(["rbind", "ro", "rnosuid", "rrelatime"])
        #expect(options.isBind && options.isRecursive)
        #expect(options.attributes.set == .readOnly)
        #expect(options.recursiveAttributes.set == .noSetID)
        #expect(options.recursiveAttributes.clear == .accessTimeModes)
    }

    @Test(arguments: ["ro", "rw", "relatime", "rprivate", "rslave", "rshared", "runbindable", "rbind", "remount"])
    func wordsThatBeginWithRAreNotRecursiveForms(_ word: String) {
        let options = MountOptions([word])
        #expect(options.recursiveAttributes.isEmpty && options.data.isEmpty)
    }

    @Test func propagation() {
        let options = MountOptions(["rslave", "shared"])
        #expect(options.propagations.map(\.0) == [.slave, .shared])
        #expect(options.propagations.map(\.recursive) == [true, false])
    }

    @Test func theRestIsForTheFileSystem() {
        let options = MountOptions(["mode=755", "size=64k", "newinstance", "defaults", "_netdev", "lazytime"])
        #expect(options.data == ["mode=755", "size=64k", "newinstance", "lazytime"])
        #expect(!options.isBind && options.attributes.isEmpty)
    }

    @Test func idsAndCopies() {
        #expect(MountOptions(["idmap"]).mapsIDs && !MountOptions(["idmap"]).mapsIDsRecursively)
        #expect(MountOptions(["ridmap"]).mapsIDsRecursively && MountOptions(["tmpcopyup"]).copiesUp)
    }

    @Test func allKnownOnesAreUnderstood() {
        for option in KnownMountOptions.all
        where !["dirsync", "lazytime", "mand", "nolazytime", "silent", "sync"].contains(option) {
            #expect(MountOptions([option]).data.isEmpty, "\(option)")
        }
    }
}
