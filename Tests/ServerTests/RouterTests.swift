import EngineAPI
import Errors
import FoundationEssentials
import NIOHTTP1
import Testing

@testable import Server

@Suite struct RouterTests {
    @Test func targets() {
        let target = Target("/v1.41/images/a%2Fb/c:1/json?size=1")
        #expect(target.version == APIVersion(1, 41))
        #expect(target.path == ["images", "a/b", "c:1", "json"])
        #expect(target.query.bool("size"))
        #expect(Target("/networks/").path == ["networks"])
        #expect(Target("/volumes/v1.5x").version == nil)
    }

    @Test(arguments: [
        ("images/json", [:]),
        ("images/nginx/json", ["name": "nginx"]),
        ("images/host:5000/a/b:1/json", ["name": "host:5000/a/b:1"]),
    ])
    func imageNamesMayHaveSlashes(path: String, parameters: [String: String]) {
        let pattern = parameters.isEmpty ? "/images/json" : "/images/{name...}/json"
        let route = Route.get(pattern) { _ in .empty() }
        #expect(route.match(path.split(separator: "/").map(String.init)) == parameters)
    }

    @Test func patternsMatchWholly() {
        let route = Route.get("/containers/{id}/json") { _ in .empty() }
        #expect(route.match(["containers", "a"]) == nil)
        #expect(route.match(["containers", "a", "json", "b"]) == nil)
        #expect(Route.get("/images/{name...}/json") { _ in .empty() }.match(["images", "json"]) == nil)
    }

    @Test func everyCodeHasAStatus() {
        #expect(BerthError.Code.allCases.allSatisfy { (300..<600).contains($0.status.code) })
        guard case .none = Response.failure(BerthError(.notModified, "as it is")).body else {
            Issue.record("304 must not have a body")
            return
        }
    }

    @Test func wrongTypesNameTheField() {
        let json = Data(#"{"HostConfig":{"Ulimits":[{"Name":"a"},{"Hard":"much"}]}}"#.utf8)
        #expect {
            try JSONDecoder().decode(ContainerCreateRequest.self, from: json)
        } throws: { error in
            (error as? DecodingError)?.explanation.hasPrefix("HostConfig.Ulimits[1].Hard: expected Int64") == true
        }
    }

    @Test(arguments: [#"{"username":"ü?>"}"#])
    func credentialsInBothAlphabets(json: String) {
        let standard = Data(json.utf8).base64EncodedString()
        let urlSafe = standard.replacing("+", with: "-").replacing("/", with: "_").filter { $0 != "=" }
        #expect(Data(base64URL: standard) == Data(json.utf8))
        #expect(Data(base64URL: urlSafe) == Data(json.utf8))
    }

    @Test func endpoints() throws {
        #expect(try Endpoint.parse("unix:///run/x.sock", environment: [:]) == [.unix(path: "/run/x.sock")])
        #expect(throws: BerthError.self) { try Endpoint.parse("unix://x.sock", environment: [:]) }
        #expect(throws: BerthError.self) { try Endpoint.parse("fd://", environment: [:]) }
        #expect(throws: BerthError.self) { try Endpoint.parse("http://x", environment: [:]) }
    }
}
