import Errors
import Testing

@testable import Compose

@Suite struct FormsTests {
    // MARK: ports

    @Test(arguments: [
        ("80", [PublishedPort(target: 80)]),
        ("8080:80", [PublishedPort(target: 80, published: "8080")]),
        ("127.0.0.1:8080:80/udp", [PublishedPort(target: 80, published: "8080", hostIP: "127.0.0.1", proto: "udp")]),
        ("127.0.0.1::80", [PublishedPort(target: 80, hostIP: "127.0.0.1")]),
        ("[::1]:8080:80", [PublishedPort(target: 80, published: "8080", hostIP: "::1")]),
        ("8000-8010:80", [PublishedPort(target: 80, published: "8000-8010")]),
        (
            "3000-3001:5000-5001",
            [PublishedPort(target: 5000, published: "3000"), PublishedPort(target: 5001, published: "3001")]
        ),
        ("3000-3001", [PublishedPort(target: 3000), PublishedPort(target: 3001)]),
    ])
    func shortPorts(text: String, ports: [PublishedPort]) throws {
        #expect(try PublishedPort.parse(short: text) == ports)
    }

    @Test(arguments: ["", "x", "80:x", "70000", "1-3:1-2", "80/icmp", "5-3"])
    func wrongPorts(text: String) {
        #expect(throws: BerthError.self) { try PublishedPort.parse(short: text) }
    }

    @Test func longPorts() throws {
        let ports = try service(
            """
            ports:
              - target: 80
                published: 8080
                host_ip: 127.0.0.1
                protocol: udp
                mode: host
                name: web
                app_protocol: http
              - 22:22
            """
        ).ports
        #expect(
            ports[0]
                == PublishedPort(
                    target: 80, published: "8080", hostIP: "127.0.0.1", proto: "udp", mode: "host", name: "web",
                    appProtocol: "http"))
        // YAML 1.1 reads 22:22 as a number in base 60.
        #expect(ports[1] == PublishedPort(target: 22, published: "22"))
    }

    // MARK: commands

    @Test func commands() throws {
        #expect(try service("command: [\"a b\", c]").command == ["a b", "c"])
        #expect(try service("command: sh -c 'echo hi'").command == ["sh", "-c", "echo hi"])
        #expect(try service("command: null").command == nil)
        #expect(try service("command: []").command == [])
        #expect(try service("entrypoint: \"\"").entrypoint == [])
        #expect(try service("entrypoint: /run me").entrypoint == ["/run", "me"])
    }

    // MARK: environment

    @Test func environments() throws {
        let list = try load(
            "services: {web: {image: a, environment: ['A=1', 'B=x=y', 'HOME_X', 'NONE', 'E=']}}",
            environment: ["HOME_X": "h"])
        #expect(list.services["web"]?.environment == ["A": "1", "B": "x=y", "HOME_X": "h", "NONE": nil, "E": ""])
        let map = try service("environment:\n  A: 1\n  B: true\n  C: 1.10\n  D: ''\n  E:")
        #expect(map.environment == ["A": "1", "B": "true", "C": "1.10", "D": "", "E": nil])
    }

    @Test func envFiles() throws {
        let folder = try Folder([
            "compose.yaml": """
            services:
              web:
                image: a
                env_file:
                  - one.env
                  - path: gone.env
                    required: false
                  - path: raw.env
                    format: raw
                environment: {B: mine}
            """,
            "one.env": "A=1\nB=2\nC=${A}3", "raw.env": "R='$A'",
        ])
        #expect(try folder.load().services["web"]?.environment == ["A": "1", "B": "mine", "C": "13", "R": "'$A'"])
        try folder.write("compose.yaml", "services:\n  web:\n    image: a\n    env_file: missing.env\n")
        let error = #expect(throws: BerthError.self) { try folder.load() }
        #expect(error?.message.contains("compose.yaml:4: env file \(folder.path)/missing.env not found") == true)
        #expect(throws: Never.self) { try folder.load { $0.depth = .structure } }
    }

    // MARK: volumes

    @Test func shortVolumes() throws {
        let mount = try ServiceMount.parse(short: "./a/.env:/app/.env:ro", directory: "/p")
        #expect(mount.kind == .bind && mount.source == "/p/a/.env" && mount.target == "/app/.env" && mount.readOnly)
        #expect(try ServiceMount.parse(short: "data:/var/lib", directory: "/p").kind == .volume)
        #expect(try ServiceMount.parse(short: "/anonymous", directory: "/p").source == nil)
        #expect(try ServiceMount.parse(short: "../x:/y:z,rw", directory: "/p/q").source == "/p/x")
        #expect(try ServiceMount.parse(short: "../x:/y:Z", directory: "/p/q").selinux == "Z")
        #expect(throws: BerthError.self) { try ServiceMount.parse(short: "a:b", directory: "/p") }
        #expect(throws: BerthError.self) { try ServiceMount.parse(short: "a:/b:wrong", directory: "/p") }
    }

    @Test func longVolumes() throws {
        let mounts = try service(
            """
            volumes:
              - {type: bind, source: ./src, target: /dst, read_only: true, bind: {create_host_path: false, propagation: rslave}}
              - {type: volume, source: data, target: /data, volume: {nocopy: true, subpath: sub}}
              - {type: tmpfs, target: /t, tmpfs: {size: 64m, mode: 01777}}
            """, top: "volumes: {data: }"
        ).volumes
        #expect(mounts[0].missingSource == .fail && mounts[0].propagation == "rslave" && mounts[0].readOnly)
        #expect(mounts[1].noCopy && mounts[1].subpath == "sub")
        #expect(mounts[2].size == 64 << 20 && mounts[2].mode == 0o1777)
    }

    // MARK: the rest

    @Test func dependencies() throws {
        let project = try load(
            """
            services:
              a: {image: x, depends_on: [b]}
              b:
                image: x
                depends_on:
                  c: {condition: service_healthy, restart: true}
                  d: {condition: service_completed_successfully, required: false}
              c: {image: x, network_mode: "service:d"}
              d: {image: x}
            """)
        #expect(project.services["a"]?.dependsOn == ["b": Dependency()])
        #expect(project.services["b"]?.dependsOn["c"] == Dependency(condition: .healthy, restart: true))
        #expect(project.services["b"]?.dependsOn["d"] == Dependency(condition: .completed, required: false))
        #expect(project.services["c"]?.dependsOn["d"] == Dependency(restart: true))
        #expect(try DependencyGraph(project).order == ["d", "c", "b", "a"])
    }

    @Test func healthchecks() throws {
        let check = try service(
            """
            healthcheck:
              test: curl -f http://localhost
              interval: 1m30s
              timeout: 500ms
              retries: 3
              start_period: 10s
            """
        ).healthcheck
        #expect(check?.test == ["CMD-SHELL", "curl -f http://localhost"])
        #expect(check?.interval == .seconds(90))
        #expect(check?.timeout == .milliseconds(500))
        #expect(try service("healthcheck: {disable: true}").healthcheck?.test == ["NONE"])
        #expect(try service("healthcheck: {test: [CMD, a]}").healthcheck?.test == ["CMD", "a"])
    }

    @Test func networksAndHosts() throws {
        let web = try service(
            """
            networks:
              front: {aliases: [www], ipv4_address: 10.1.0.5, priority: 5}
              back:
            extra_hosts: ["a:1.2.3.4", "b=::1", "gw:host-gateway"]
            dns: 8.8.8.8
            """, top: "networks: {front: {ipam: {config: [{subnet: 10.1.0.0/16}]}}, back: {internal: true}}")
        #expect(web.networks["front"]?.aliases == ["www"])
        #expect(web.networks["front"]?.ipv4Address == "10.1.0.5")
        #expect(web.networks["back"] == NetworkAttachment())
        #expect(web.extraHosts.map(\.description) == ["a:1.2.3.4", "b:::1", "gw:host-gateway"])
        #expect(web.dns == ["8.8.8.8"])
    }

    @Test func resourcesAndDeploy() throws {
        let web = try service(
            """
            cpus: "1.5"
            mem_limit: 512m
            shm_size: 2gb
            ulimits: {nofile: {soft: 10, hard: 20}, nproc: 5}
            sysctls: ["net.core.somaxconn=1024"]
            pids_limit: 100
            init: true
            deploy:
              replicas: 3
              resources: {limits: {cpus: "2", memory: 1g}, reservations: {devices: [{capabilities: [gpu], count: all}]}}
              restart_policy: {condition: on-failure, max_attempts: 4}
            """)
        #expect(web.resources.cpus == 1.5 && web.resources.memory == 512 << 20 && web.resources.shmSize == 2 << 30)
        #expect(web.resources.ulimits["nofile"] == ServiceUlimit(soft: 10, hard: 20))
        #expect(web.sysctls == ["net.core.somaxconn": "1024"])
        #expect(web.replicas == 3 && web.deploy?.limits?.memory == 1 << 30)
        #expect(web.deploy?.reservations?.devices.first?.count == -1)
    }

    @Test func buildForms() throws {
        let folder = try Folder([
            "compose.yaml": """
            services:
              a: {build: ./dir}
              b:
                build:
                  context: ..
                  dockerfile: D
                  args: [X=1, Y]
                  target: t
                  cache_from: [c]
                  additional_contexts: {base: "service:a", res: ./r}
                  secrets: [key]
            secrets: {key: {file: ./k}}
            """
        ])
        let project = try folder.load(environment: ["Y": "env"])
        #expect(project.services["a"]?.build?.context == folder.path + "/dir")
        let build = try #require(project.services["b"]?.build)
        #expect(build.context == FilePath.directory(of: folder.path))
        #expect(build.args == ["X": "1", "Y": nil])
        #expect(build.additionalContexts == ["base": "service:a", "res": folder.path + "/r"])
        let request = try ProjectRunner(project, engine: FakeEngine()).request(
            for: try project.service("b"), build, BuildSettings())
        #expect(request.arguments == ["X": "1", "Y": "env"])
        #expect(request.tags == ["demo-b"])
        #expect(request.build.additionalContexts["base"] == "docker-image://demo-a")
    }

    @Test func emptyTextsSayNothing() throws {
        let web = try service(
            "platform: ${P:-}\nrestart: ''\npull_policy: ${Q:-}\ncontainer_name: ''\nnetwork_mode: ''\nhostname: ''")
        #expect(web.platform == nil && web.restart == nil && web.pullPolicy == nil && web.containerName == nil)
        #expect(web.networks["default"] != nil && web.hostname == nil)
    }

    @Test(arguments: [
        ("1024", 1024), ("1k", 1024), ("1.5g", 1_610_612_736), ("2GB", 2 << 30), ("64MiB", 64 << 20), ("-1", -1),
        ("10b", 10),
    ])
    func sizes(text: String, bytes: Int64) { #expect(Values.bytes(text) == bytes) }

    @Test(arguments: [
        ("1m30s", "1m30s"), ("90s", "1m30s"), ("1.5s", "1.5s"), ("300ms", "300ms"), ("2h", "2h0m0s"), ("0", "0s"),
    ])
    func durations(text: String, shown: String) { #expect(Values.duration(text)?.goText == shown) }

    @Test(arguments: ["", "5", "x", "1y", "s"])
    func wrongDurations(text: String) { #expect(Values.duration(text) == nil) }
}
