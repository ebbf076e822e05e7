import Testing

@testable import OCI

struct ReferenceTests {
    @Test(arguments: [
        ("nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("jiangmiemie/llmchat:0.0.2", "docker.io/jiangmiemie/llmchat:0.0.2", "jiangmiemie/llmchat:0.0.2"),
        ("docker.io/library/nginx", "docker.io/library/nginx:latest", "nginx:latest"),
        ("index.docker.io/a/b:1", "docker.io/a/b:1", "a/b:1"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1", "localhost:5000/a/b:v1"),
        (
            "registry.example.com/team/app", "registry.example.com/team/app:latest",
            "registry.example.com/team/app:latest"
        ),
    ])
    func fillsInWhatIsLeftOut(_ text: String, _ whole: String, _ familiar: String) throws {
        let reference = try Reference(text)
        #expect(reference.description == whole)
        #expect(reference.familiar == familiar)
        #expect(try Reference(whole) == reference)
    }

    @Test func aDigestStandsForATag() throws {
        let digest = "sha256:" + String(repeating: "ab", count: 32)
        let reference = try Reference("host:1/x@\(digest)")
        #expect(reference.tag == nil)
        #expect(reference.digest?.description == digest)
        #expect(reference.description == "host:1/x@\(digest)")
    }

    @Test(arguments: [
        "", "UPPER", "a//b", "a:", "a:b:c:d", "-a", "a/-b", "x@sha256:12", "x:.tag",
        "x:" + String(repeating: "t", count: 129),
        "a b",
    ])
    func refusesWhatIsNone(_ text: String) {
        #expect(throws: (any Error).self) { try Reference(text) }
    }

    @Test func digestsAreLowerCaseAndWhole() throws {
        #expect(throws: (any Error).self) { try Digest("sha256:" + String(repeating: "AB", count: 32)) }
        #expect(throws: (any Error).self) { try Digest("md5:0123") }
        let digest = try Digest("sha256:" + String(repeating: "0f", count: 32))
        #expect(digest.short == "0f0f0f0f0f0f")
        #expect(Digest(sha256: [UInt8](repeating: 0x0f, count: 32)) == digest)
    }
}
