import EngineAPI
import Testing

@testable import Compose

@Suite struct SpecTests {
    private func request(_ project: Project, _ name: String = "web") throws -> ContainerCreateRequest {
        try ContainerSpec(
            project: project, service: project.service(name), name: "p-\(name)-1", role: .replica(number: 1),
            imageID: "sha256:app", containerIDs: ["db": ["dbid"]], containerNames: ["db": ["p-db-1"]]
        ).request()
    }

    @Test func labelsAndNames() throws {
        let project = try load(
            "name: p\nservices: {web: {image: app, depends_on: [db], labels: {x: y}}, db: {image: app}}")
        let labels = try request(project).config.labels
        #expect(labels[Labels.project] == "p" && labels[Labels.service] == "web" && labels["x"] == "y")
        #expect(labels[Labels.containerNumber] == "1" && labels[Labels.oneOff] == "False")
        #expect(labels[Labels.dependsOn] == "db:service_started:false")
        #expect(labels[Labels.image] == "sha256:app" && labels[Labels.configHash]?.count == 64)
        #expect(
            labels[Labels.configFiles] == project.files[0]
                && labels[Labels.workingDirectory] == project.workingDirectory)
    }

    @Test func networks() throws {
        let project = try load(
            """
            name: p
            services:
              web: {image: app, networks: {a: {aliases: [www]}, b: {priority: 9, ipv4_address: 10.0.0.9}}, links: ["db:store"], expose: ["9"]}
              db: {image: app, networks: [a]}
            networks: {a: , b: {name: custom}}
            """)
        let request = try request(project)
        #expect(request.hostConfig.networkMode == "custom")
        let endpoints = request.networkingConfig.endpointsConfig
        #expect(endpoints["p_a"]?.aliases == ["p-web-1", "web", "www"])
        #expect(endpoints["p_a"]?.links == ["p-db-1:store"])
        #expect(endpoints["custom"]?.ipamConfig?.ipv4Address == "10.0.0.9")
        #expect(request.config.exposedPorts == ["9/tcp"])
    }

    @Test func sharedNamespaces() throws {
        let project = try load(
            "name: p\nservices: {web: {image: app, network_mode: 'service:db', pid: 'service:db', ipc: host}, db: {image: app}}"
        )
        let request = try request(project)
        #expect(request.hostConfig.networkMode == "container:dbid" && request.hostConfig.pidMode == "container:dbid")
        #expect(request.hostConfig.ipcMode == "host" && request.networkingConfig.endpointsConfig.isEmpty)
    }

    @Test func mountsAndPorts() throws {
        let project = try load(
            """
            name: p
            services:
              web:
                image: app
                ports: ["127.0.0.1:8080:80", "53:53/udp", "90"]
                volumes: ["/src:/dst:ro,z", "data:/data", "/anon", {type: bind, source: /must, target: /m, bind: {create_host_path: false}}]
                tmpfs: ["/run:size=1m"]
                secrets: [key, {source: text, target: /etc/text, mode: 0400}]
            volumes: {data: }
            secrets: {key: {file: /keys/key}, text: {content: hi}}
            """)
        let host = try request(project).hostConfig
        #expect(host.binds == ["/src:/dst:ro,z", "p_data:/data:rw", "/keys/key:/run/secrets/key:ro"])
        #expect(host.mounts.map(\.target) == ["/anon", "/m"])
        #expect(host.mounts.last?.bindOptions?.createMountpoint == false)
        #expect(host.tmpfs == ["/run": "size=1m"])
        #expect(host.portBindings["80/tcp"] == [PortBinding(hostIp: "127.0.0.1", hostPort: "8080")])
        #expect(host.portBindings["53/udp"] == [PortBinding(hostPort: "53")])
        #expect(host.portBindings["90/tcp"] == [PortBinding()])
        let files = try FileMount.all(of: project.service("web"), in: project)
        guard case .injected(let file) = files[1].content else { Issue.record("not injected"); return }
        #expect(file == InjectedFile(path: "/etc/text", content: Array("hi".utf8), mode: 0o400, userID: 0, groupID: 0))
    }

    @Test func resources() throws {
        let project = try load(
            """
            name: p
            services:
              web: {image: app, cpus: 1, mem_limit: 1g, restart: "on-failure:3", ulimits: {nofile: 5}, stop_grace_period: 1m,
                deploy: {resources: {limits: {cpus: "0.5"}}}, gpus: all}
            """)
        let request = try request(project)
        #expect(request.hostConfig.nanoCpus == 500_000_000 && request.hostConfig.memory == 1 << 30)
        #expect(request.hostConfig.restartPolicy == RestartPolicy(name: "on-failure", maximumRetryCount: 3))
        #expect(request.config.stopTimeout == 60)
        #expect(request.hostConfig.deviceRequests == [EngineAPI.DeviceRequest(count: -1, capabilities: [["gpu"]])])
    }
}
