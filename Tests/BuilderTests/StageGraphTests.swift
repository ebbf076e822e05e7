import Errors
import OCI
import Testing

@testable import Builder

@Suite struct StageGraphTests {
    private func graph(_ text: String, target: String? = nil, arguments: [String: String] = [:]) throws -> StageGraph {
        let file = try Dockerfile(text)
        let globals = try GlobalArguments(file, given: arguments, target: Platform(architecture: "arm64"), stage: "x")
        return try StageGraph(file, target: target, globals: globals)
    }

    private let file = """
        FROM golang AS base
        FROM base AS build
        FROM busybox AS unused
        FROM alpine AS tools
        FROM scratch
        COPY --from=build /x /x
        RUN --mount=from=tools,target=/t true
        COPY --from=nginx /y /y
        """

    @Test func buildsOnlyWhatIsNeeded() throws {
        #expect(try graph(file).needed == [0, 1, 3, 4])
        #expect(try graph(file, target: "BUILD").needed == [0, 1])
        #expect(try graph(file, target: "2").needed == [2])
    }

    @Test func resolvesNames() throws {
        let graph = try graph(file)
        #expect(graph.bases == [.image("golang"), .stage(0), .image("busybox"), .image("alpine"), .scratch])
        #expect(try graph.origin("tools") == .stage(3))
        #expect(try graph.origin("0") == .stage(0))
        #expect(try graph.origin("nginx") == .image("nginx"))
        #expect(throws: SyntaxError.self) { try graph.origin("9") }
    }

    @Test func expandsGlobalArguments() throws {
        let text = "ARG V=1\nARG I=img:${V}\nFROM --platform=$TARGETPLATFORM $I"
        #expect(try graph(text).bases == [.image("img:1")])
        #expect(try graph(text, arguments: ["V": "2"]).bases == [.image("img:2")])
        #expect(try graph(text).platforms == [Platform(architecture: "arm64")])
        #expect(throws: BerthError.self) { try graph("FROM $NONE") }
    }

    @Test func refusesCyclesAndUnknownTargets() {
        let cycle = #expect(throws: BerthError.self) {
            try graph("FROM scratch AS a\nCOPY --from=b / /\nFROM scratch AS b\nCOPY --from=a / /")
        }
        #expect(cycle?.message.contains("circular dependency detected on stage: ") == true)
        let own = #expect(throws: BerthError.self) { try graph("FROM scratch AS a\nCOPY --from=a / /") }
        #expect(own?.message.contains("circular dependency detected on stage: a") == true)
        let target = #expect(throws: BerthError.self) { try graph(file, target: "nope") }
        #expect(target?.message.hasPrefix("target stage \"nope\" could not be found") == true)
    }

    @Test func aStageMayBeNamedAsItsImage() throws {
        #expect(try graph("FROM nginx AS nginx").bases == [.image("nginx")])
    }
}
