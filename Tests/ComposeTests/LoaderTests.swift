import Errors
import FoundationEssentials
import Testing

@testable import Compose

@Suite struct LoaderTests {
    // MARK: The tutorial's files, as typed

    static let tutorial = """
        version: "3.8" # 指定 Docker Compose 文件的版本

        services: # 定义服务
          python-app-frontend: # 新增的 Python 应用服务
            build: # 使用 Dockerfile 构建镜像
              context: ./frontend # 前端上下文目录
              dockerfile: Dockerfile # Dockerfile 文件
            image: jiangmiemie/llmchatf:0.1.0
            ports:
              - "8501:8501" # 映射 Streamlit 默认端口
            command: ["streamlit", "run", "_streamlit/streamlit_app.py"] # 启动命令
            depends_on:
              - python-app-backend

          python-app-backend: # 新增的后端服务
            build: # 使用 Dockerfile 构建镜像
              context: ./backend # 后端上下文目录
              dockerfile: Dockerfile # 后端 Dockerfile 文件
            image: jiangmiemie/llmchatb:0.1.0
            ports:
              - "8010:8010" # 映射后端服务端口
            command: ["python", "chat_routers.py"] # 启动后端服务的命令
            volumes:
              - ./backend/.env:/app/.env:ro # 添加 .env 文件挂载，ro表示只读
        """

    @Test func tutorialProject() throws {
        let folder = try Folder(["docker-compose.yml": Self.tutorial], name: "LLM Chat!")
        let project = try folder.load()
        #expect(project.name == "llmchat")
        #expect(project.warnings.isEmpty)
        #expect(try project.serviceNames() == ["python-app-backend", "python-app-frontend"])
        let front = try project.service("python-app-frontend")
        #expect(front.build?.context == folder.path + "/frontend" && front.image == "jiangmiemie/llmchatf:0.1.0")
        #expect(front.ports == [PublishedPort(target: 8501, published: "8501")])
        #expect(front.command == ["streamlit", "run", "_streamlit/streamlit_app.py"])
        let back = try project.service("python-app-backend")
        #expect(back.volumes.first?.source == folder.path + "/backend/.env")

        let preflight = Preflight(project: project, locality: .local)
        let error = #expect(throws: BerthError.self) { try preflight.checkSources(of: [back]) }
        #expect(
            error?.message.contains(":24: service \"python-app-backend\" mounts \(folder.path)/backend/.env") == true)
        try folder.write("backend/.env", "")
        #expect(throws: Never.self) { try preflight.checkSources(of: [back]) }
    }

    // MARK: Finding files and names

    @Test func findsFilesUpwardsWithTheirOverride() throws {
        let folder = try Folder([
            "compose.yaml": "services: {web: {image: a, environment: {A: 1}}}",
            "compose.override.yml": "services: {web: {environment: {B: 2}}}", "deep/er/x": "",
        ])
        var options = LoadOptions(environment: [:], currentDirectory: folder.path + "/deep/er")
        let project = try Loader.load(options)
        #expect(project.files == [folder.path + "/compose.yaml", folder.path + "/compose.override.yml"])
        #expect(project.workingDirectory == folder.path && project.name == "demo")
        #expect(project.services["web"]?.environment == ["A": "1", "B": "2"])
        options.currentDirectory = "/proc"
        let error = #expect(throws: BerthError.self) { try Loader.load(options) }
        #expect(error?.message.hasPrefix("no configuration file provided: not found") == true)
    }

    @Test func composeFileVariableAndStandardInput() throws {
        let folder = try Folder([
            "a.yaml": "services: {web: {image: a}}", "b.yaml": "services: {web: {image: b}}",
            ".env": "COMPOSE_FILE=a.yaml:b.yaml\nCOMPOSE_PROJECT_NAME=fromenv",
        ])
        #expect(try folder.load().services["web"]?.image == "b")
        #expect(try folder.load().name == "fromenv")
        #expect(try folder.load(environment: ["COMPOSE_FILE": "a.yaml"]).services["web"]?.image == "a")
        let piped = try folder.load(["-"]) { $0.standardInput = { "services: {web: {image: piped}}" } }
        #expect(piped.services["web"]?.image == "piped")
    }

    @Test func projectNames() throws {
        let folder = try Folder(["compose.yaml": "name: ${X:-written}\nservices: {web: {image: $COMPOSE_PROJECT_NAME}}"]
        )
        #expect(try folder.load().name == "written")
        #expect(try folder.load().services["web"]?.image == "written")
        #expect(try folder.load(environment: ["COMPOSE_PROJECT_NAME": "env"]).name == "env")
        #expect(
            try folder.load(environment: ["COMPOSE_PROJECT_NAME": "env"]) { $0.projectName = "flag" }.name == "flag")
        #expect(throws: BerthError.self) { try folder.load { $0.projectName = "Not OK" } }
        #expect(Project.normalizedName("_My App.2") == "myapp2")
    }

    @Test func environmentPrecedence() throws {
        let folder = try Folder([
            "compose.yaml": "services: {web: {image: '$A-$B-$C'}}", ".env": "A=file\nB=file", "other.env": "C=other",
        ])
        let project = try folder.load(environment: ["A": "process"])
        #expect(project.services["web"]?.image == "process-file-")
        #expect(project.warnings == ["The \"C\" variable is not set. Defaulting to a blank string."])
        #expect(try folder.load { $0.envFiles = ["other.env"] }.services["web"]?.image == "--other")
        #expect(throws: BerthError.self) { try folder.load { $0.envFiles = ["gone.env"] } }
    }

    // MARK: YAML

    @Test func anchorsAndMergeKeys() throws {
        let project = try load(
            """
            x-base: &base
              image: a
              environment: &env {A: 1, B: 1}
            services:
              one:
                <<: *base
                environment:
                  <<: *env
                  B: 2
              two:
                <<: [*base, {image: ignored, tty: true}]
            """)
        #expect(project.services["one"]?.environment == ["B": "2", "A": "1"])
        #expect(project.services["two"]?.image == "a" && project.services["two"]?.tty == true)
    }

    @Test func profiles() throws {
        let yaml = "services: {web: {image: a}, dbg: {image: b, profiles: [debug]}}"
        let folder = try Folder(["compose.yaml": yaml])
        #expect(try folder.load().serviceNames() == ["web"])
        #expect(try folder.load { $0.profiles = ["debug"] }.serviceNames() == ["web", "dbg"])
        #expect(try folder.load(environment: ["COMPOSE_PROFILES": "x,debug"]).serviceNames() == ["web", "dbg"])
        #expect(try folder.load { $0.profiles = ["*"] }.serviceNames() == ["web", "dbg"])
        #expect(try folder.load().enabling(["dbg"]).service("dbg").image == "b")
    }

    @Test func extendsAndIncludeKeepTheirFolders() throws {
        let folder = try Folder([
            "compose.yaml": """
            include: [sub/inc.yaml]
            services:
              web:
                extends: {file: base/base.yaml, service: app}
                environment: {B: 2}
            """,
            "base/base.yaml": """
            services:
              app:
                extends: root
                build: ./ctx
                volumes: [./data:/data]
                environment: {A: 1, B: 1}
              root: {image: r, command: [x]}
            """,
            "sub/inc.yaml": "services: {db: {image: '$TAG', volumes: ['./d:/d']}}", "sub/.env": "TAG=inner",
        ])
        let project = try folder.load()
        let web = try project.service("web")
        #expect(web.image == "r" && web.command == ["x"] && web.environment == ["A": "1", "B": "2"])
        #expect(web.build?.context == folder.path + "/base/ctx")
        #expect(web.volumes.first?.source == folder.path + "/base/data")
        #expect(try project.service("db").image == "inner")
        #expect(try project.service("db").volumes.first?.source == folder.path + "/sub/d")
    }

    @Test func circlesOfExtends() {
        let text = failure("services: {a: {extends: b, image: x}, b: {extends: a}}")
        #expect(text.contains("circular reference in extends"))
        #expect(failure("services: {a: {extends: z}}").contains("cannot extend service \"a\""))
    }

    // MARK: Errors

    @Test func unknownKeysHaveALineAndASuggestion() {
        let text = failure("services:\n  web:\n    image: a\n    enviroment: {}\n")
        #expect(text.hasPrefix("validating /"))
        #expect(
            text.hasSuffix(
                "compose.yaml:4: services.web Additional property enviroment is not allowed; did you mean \"environment\"?"
            ))
        #expect(
            failure("servces: {}").hasSuffix(
                ":1: (root) Additional property servces is not allowed; did you mean \"services\"?"))
        #expect(failure("services: {web: {image: a, x-note: 1}}\nx-top: 2").isEmpty)
        #expect(
            failure("services: {web: {image: a, build: {context: ., contxt: .}}}").contains(
                "services.web.build Additional property contxt is not allowed; did you mean \"context\"?"))
    }

    @Test(arguments: [
        ("services:\n  web:\n    image: [a]", ":3: services.web.image must be a string"),
        ("services:\n  web:\n    image: a\n    ports: 80", ":4: services.web.ports must be a list"),
        ("services:\n  web:\n    image: a\n    tty: maybe", ":4: services.web.tty must be a boolean"),
        (
            "services:\n  web:\n    image: a\n    ports:\n      - 'x:80'",
            ":5: services.web.ports[0]: invalid port \"x:80\": invalid hostPort: x"
        ),
        ("services:\n  web: a", ":2: services.web must be a mapping"),
        ("services:\n  web:\n    image: a\n    restart: sometimes", ":4: services.web.restart must be"),
        ("services:\n  web:\n   image: a\n  bad", ":5: yaml: "),
        ("services:\n  web:\n    image: a\n    image: b", "mapping key \"image\" already defined"),
        ("- a", "top-level object must be a mapping"),
        ("", "empty compose file"),
    ])
    func typeErrors(yaml: String, message: String) {
        let text = failure(yaml)
        #expect(text.contains(message), "\(text)")
    }

    @Test(arguments: [
        (
            "services: {a: {image: x, depends_on: [bb]}, b: {image: x}}",
            "service \"a\" depends on undefined service \"bb\": invalid compose project"
        ),
        (
            "services: {a: {image: x, networks: [n]}}",
            "service \"a\" refers to undefined network n: invalid compose project"
        ),
        (
            "services: {a: {image: x, volumes: ['v:/v']}}",
            "service \"a\" refers to undefined volume v: invalid compose project"
        ),
        (
            "services: {a: {image: x, secrets: [s]}}",
            "service \"a\" refers to undefined secret s: invalid compose project"
        ),
        (
            "services: {a: {}}",
            "service \"a\" has neither an image nor a build context specified: invalid compose project"
        ),
        (
            "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [c]}, c: {image: x, depends_on: [a]}}",
            "dependency cycle detected: a -> b -> c -> a"
        ),
        (
            "services: {a: {image: x, network_mode: host, networks: [n]}}\nnetworks: {n: }",
            "service a declares mutually exclusive `network_mode` and `networks`: invalid compose project"
        ),
        ("services: {a: {image: x, container_name: cc, scale: 2}}", "can't set container_name"),
    ])
    func inconsistencies(yaml: String, message: String) {
        #expect(failure(yaml).contains(message), "\(failure(yaml))")
    }

    // MARK: config

    @Test func rendersCanonically() throws {
        let project = try load(
            """
            name: p
            services:
              web:
                image: a:1
                ports: ["8080:80"]
                environment: [B=yes, A=08, "C=$$x"]
                volumes: [data:/d]
            volumes: {data: , unused: }
            """)
        #expect(
            try project.yaml() == """
                name: p
                services:
                  web:
                    command: null
                    entrypoint: null
                    environment:
                      A: "08"
                      B: "yes"
                      C: $$x
                    image: a:1
                    networks:
                      default: null
                    ports:
                    - mode: ingress
                      target: 80
                      published: "8080"
                      protocol: tcp
                    volumes:
                    - type: volume
                      source: data
                      target: /d
                      volume: {}
                networks:
                  default:
                    name: p_default
                    ipam: {}
                volumes:
                  data:
                    name: p_data

                """)
        let again = try load(try project.yaml())
        #expect(try again.json() == project.json())
        #expect(try again.hashes() == project.hashes())
    }
}
