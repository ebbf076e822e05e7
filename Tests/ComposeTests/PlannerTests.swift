import EngineAPI
import Errors
import Testing

@testable import Compose

@Suite struct PlannerTests {
    private let yaml = """
        name: p
        services:
          web: {image: app, depends_on: [db], volumes: ["data:/d"]}
          db: {image: app}
        volumes: {data: }
        """

    private func container(_ service: String, _ number: Int = 1, in project: Project, hash: String? = nil) throws
        -> PresentContainer
    {
        PresentContainer(
            id: "\(service)\(number)", name: "p-\(service)-\(number)", service: service, number: number,
            configHash: try hash ?? ConfigHash.of(project.service(service), in: project), imageID: "sha256:app",
            labels: [Labels.project: "p"])
    }

    private func present(_ containers: [PresentContainer]) -> Present {
        Present(
            containers: containers,
            networks: [
                "p_default": PresentNetwork(
                    id: "n", name: "p_default", labels: [Labels.project: "p", Labels.network: "default"])
            ],
            volumes: ["p_data": [Labels.project: "p", Labels.volume: "data"]],
            imageIDs: ["web": "sha256:app", "db": "sha256:app"])
    }

    private func plan(
        _ project: Project, _ present: Present, _ change: (inout Planner.Options) -> Void = { _ in }
    ) throws -> Plan {
        var options = Planner.Options()
        change(&options)
        return try Planner(project, present: present, options: options)
            .plan(services: Array(project.services.keys), named: Set(project.services.keys))
    }

    @Test func fresh() throws {
        let plan = try plan(try load(yaml), Present())
        #expect(plan.networks == [.create(key: "default")])
        #expect(plan.volumes == ["data"])
        #expect(Array(plan.services.keys) == ["db", "web"])
        #expect(plan.services["web"] == [.create(name: "p-web-1", number: 1)])
        #expect(
            plan.lines == [
                "create network default", "create volume data", "db: create container p-db-1",
                "web: create container p-web-1",
            ])
    }

    @Test func unchanged() throws {
        let project = try load(yaml)
        let plan = try plan(project, present([container("web", in: project), container("db", in: project)]))
        #expect(plan.isEmpty)
        #expect(plan.warnings.isEmpty)
    }

    @Test func stoppedIsStarted() throws {
        let project = try load(yaml)
        var db = try container("db", in: project)
        db.state = .exited
        let plan = try plan(project, present([container("web", in: project), db]))
        #expect(plan.services["db"] == [.start(db)])
    }

    @Test func onlyWhatChangedIsReplaced() throws {
        let project = try load(yaml)
        let old = try container("web", in: project, hash: "old")
        let plan = try plan(project, present([old, container("db", in: project)]))
        #expect(plan.services["web"] == [.replace(old, name: "p-web-1", reason: .configChanged)])
        #expect(plan.services["db"] == [.keep(try container("db", in: project))])
    }

    @Test func anotherImageReplaces() throws {
        let project = try load(yaml)
        var there = present([try container("web", in: project), try container("db", in: project)])
        there.imageIDs["db"] = "sha256:new"
        let db = try container("db", in: project)
        #expect(try plan(project, there).services["db"] == [.replace(db, name: "p-db-1", reason: .imageChanged)])
        #expect(try plan(project, there) { $0.recreation = .never }.isEmpty)
        #expect(try plan(project, there) { $0.recreation = .always }.services["web"]?.first?.makesContainer == true)
    }

    @Test func whatSharesNamespacesIsReplacedToo() throws {
        let project = try load("name: p\nservices: {web: {image: app, network_mode: 'service:db'}, db: {image: app}}")
        let web = try container("web", in: project)
        let plan = try plan(project, present([web, container("db", in: project, hash: "old")]))
        #expect(plan.services["web"] == [.replace(web, name: "p-web-1", reason: .dependencyReplaced("db"))])
    }

    @Test func scaling() throws {
        let project = try load(yaml)
        let three = try (1...3).map { try container("db", $0, in: project) }
        let up = try plan(project, present([three[0]])) { $0.scale = ["db": 3] }
        #expect(
            up.services["db"] == [
                .keep(three[0]), .create(name: "p-db-2", number: 2), .create(name: "p-db-3", number: 3),
            ])
        let down = try plan(project, present(three))
        #expect(down.services["db"] == [.remove(three[2]), .remove(three[1]), .keep(three[0])])
        #expect(try plan(project, present(three)) { $0.scale = ["db": 0] }.services["db"]?.count == 3)
        let stale = try container("db", 1, in: project, hash: "old")
        #expect(try plan(project, present([stale, three[1]])).services["db"] == [.remove(stale), .keep(three[1])])
    }

    @Test func orphans() throws {
        let project = try load(yaml)
        let orphan = PresentContainer(id: "o", name: "p-gone-1", service: "gone")
        let there = present([try container("web", in: project), try container("db", in: project), orphan])
        let warned = try plan(project, there)
        #expect(warned.orphans == [orphan] && warned.isEmpty)
        #expect(warned.warnings.first?.hasPrefix("Found orphan containers ([p-gone-1]) for this project.") == true)
        let removed = try plan(project, there) { $0.removesOrphans = true }
        #expect(!removed.isEmpty && removed.warnings.isEmpty)
    }

    @Test func foreignNamesAreRefused() throws {
        let project = try load(yaml)
        var there = present([])
        there.networks["p_default"]?.labels = [Labels.project: "q"]
        let error = #expect(throws: BerthError.self) { try plan(project, there) }
        #expect(error?.message.contains("network p_default was found but has incorrect label") == true)
        let external = try load("services: {web: {image: app, networks: [n]}}\nnetworks: {n: {external: true}}")
        #expect(throws: BerthError.self) { try plan(external, Present()) }
        #expect(try plan(external, Present(networks: ["n": PresentNetwork(id: "n", name: "n")])).networks.isEmpty)
    }

    @Test func changedNetworkIsReplaced() throws {
        let project = try load(yaml)
        var there = present([try container("web", in: project), try container("db", in: project)])
        there.networks["p_default"]?.labels[Labels.configHash] = "old"
        let plan = try plan(project, there)
        #expect(plan.networks.count == 1)
        #expect(plan.services.values.allSatisfy { $0.allSatisfy(\.makesContainer) })
    }

    @Test func hashesIgnoreWhatOnlySteersCompose() throws {
        let plain = try load("services: {web: {image: app}}")
        let steered = try load(
            "services: {web: {image: app, scale: 3, pull_policy: always, build: ., depends_on: [db]}, db: {image: app}}"
        )
        let other = try load("services: {web: {image: app, environment: {A: 1}}}")
        #expect(try plain.hashes(["web"]) == steered.hashes(["web"]))
        #expect(try plain.hashes(["web"]) != other.hashes(["web"]))
    }
}
