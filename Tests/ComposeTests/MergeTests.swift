import Testing

@testable import Compose

@Suite struct MergeTests {
    private func merged(_ first: String, _ second: String) throws -> Service {
        let top = "\nnetworks: {n: , m: }\nvolumes: {v: }"
        let folder = try Folder([
            "a.yaml": "services: {web: {image: a, \(first)}}" + top, "b.yaml": "services: {web: {\(second)}}",
        ])
        return try folder.load(["a.yaml", "b.yaml"]).service("web")
    }

    @Test func scalarsAreReplacedAndCommandsToo() throws {
        let web = try merged("command: [a, b], entrypoint: e, tty: false", "command: [c], tty: true, image: b")
        #expect(web.command == ["c"] && web.entrypoint == ["e"] && web.tty && web.image == "b")
    }

    @Test func keyValuesMergeAcrossForms() throws {
        let web = try merged(
            "environment: [A=1, B=1, C=1], labels: {x: 1}, build: .",
            "environment: {B: 2, C: }, labels: ['y=2'], build: {args: {Z: 1}}")
        #expect(web.environment == ["A": "1", "B": "2", "C": nil])
        #expect(web.labels == ["x": "1", "y": "2"])
        #expect(web.build?.args == ["Z": "1"])
    }

    @Test func listsJoinWithoutRepeats() throws {
        let web = try merged(
            "ports: ['80:80'], expose: ['1'], dns: 1.1.1.1, cap_add: [A]",
            "ports: ['80:80', '81:80'], expose: ['1', '2'], dns: [8.8.8.8], cap_add: [A, B]")
        #expect(web.ports.map(\.published) == ["80", "81"])
        #expect(web.expose == ["1", "2"] && web.dns == ["1.1.1.1", "8.8.8.8"] && web.capAdd == ["A", "B"])
    }

    @Test func mountsAreReplacedByTarget() throws {
        let web = try merged("volumes: ['v:/d', './x:/e']", "volumes: ['./y:/d/', {type: tmpfs, target: /f}]")
        #expect(web.volumes.map(\.target) == ["/d", "/e", "/f"])
        #expect(web.volumes.map(\.kind) == [.bind, .bind, .tmpfs])
    }

    @Test func namesMergeAcrossForms() throws {
        let web = try merged("networks: [n]", "networks: {n: {aliases: [x]}, m: }")
        #expect(web.networks["n"]?.aliases == ["x"] && web.networks.count == 2)
    }

    @Test func loggingOfAnotherDriverReplaces() throws {
        let web = try merged(
            "logging: {driver: json-file, options: {a: '1'}}", "logging: {driver: syslog, options: {b: '2'}}")
        #expect(web.logging?.options == ["b": "2"])
        let same = try merged("logging: {driver: json-file, options: {a: '1'}}", "logging: {options: {b: '2'}}")
        #expect(same.logging?.options == ["a": "1", "b": "2"])
    }

    @Test func resetAndOverride() throws {
        let web = try merged(
            "ports: ['80:80'], environment: {A: 1, B: 1}, tty: true, expose: ['1']",
            "ports: !override ['90:90'], environment: {A: !reset null}, tty: !reset false, expose: !reset []")
        #expect(web.ports.map(\.published) == ["90"])
        #expect(web.environment == ["B": "1"] && !web.tty && web.expose.isEmpty)
    }
}
