import EngineAPI
import Errors
import FoundationEssentials
import Testing

private func decode<Value: Decodable>(_ json: String, as type: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(type, from: Data(json.utf8))
}

private func encode(_ value: some Encodable) throws -> String {
    String(decoding: try OrderedJSONEncoder().encode(value), as: UTF8.self)
}

@Suite struct CodingTests {
    @Test func absentAndNullAreGosZero() throws {
        let config: HostConfig = try decode(#"{"Binds":null,"Memory":null}"#)
        #expect(config == HostConfig())
        #expect(config.binds == nil)
    }

    @Test func nilListIsNotAnEmptyOne() throws {
        let request: ContainerCreateRequest = try decode(
            #"{"Entrypoint":[],"Cmd":null,"HostConfig":{"MaskedPaths":[]}}"#)
        #expect(request.config.entrypoint == [])
        #expect(request.config.cmd == nil)
        #expect(request.hostConfig.maskedPaths == [])
        #expect(request.hostConfig.readonlyPaths == nil)
    }

    @Test func wordsMayBeOneString() throws {
        let config: ContainerConfig = try decode(#"{"Cmd":"top","Entrypoint":["a","b"]}"#)
        #expect(config.cmd == ["top"])
        #expect(config.entrypoint == ["a", "b"])
    }

    @Test func createRequestIsFlat() throws {
        let request = ContainerCreateRequest(
            config: ContainerConfig(exposedPorts: ["80/tcp"], image: "nginx"),
            hostConfig: HostConfig(portBindings: ["80/tcp": [PortBinding(hostPort: "8080")], "81/tcp": []]),
            networkingConfig: NetworkingConfig(endpointsConfig: ["web": EndpointSettings(aliases: ["www"])]))
        let text = try encode(request)
        #expect(text.contains(#""Image":"nginx""#))
        #expect(text.contains(#""ExposedPorts":{"80/tcp":{}}"#))
        #expect(text.contains(#""80/tcp":[{"HostIp":"","HostPort":"8080"}],"81/tcp":null"#))
        #expect(try decode(text, as: ContainerCreateRequest.self) == request)
    }

    @Test func zeroFieldsAreOmittedOnlyWhereDockerDoes() throws {
        #expect(try encode(ProgressMessage(stream: "x")) == #"{"stream":"x"}"#)
        #expect(try encode(WaitResponse(statusCode: 0)) == #"{"StatusCode":0}"#)
        #expect(try encode(ContainerConfig()).contains(#""Volumes":null"#))
        #expect(try !encode(ContainerConfig()).contains("ExposedPorts"))
    }

    @Test func fieldsKeepTheirOrderAndDictionariesAreSorted() throws {
        #expect(
            try encode(Volume(name: "v", driver: "local", labels: ["b": "2", "a": "1"]))
                == #"{"Name":"v","Driver":"local","Mountpoint":"","Labels":{"a":"1","b":"2"},"Scope":"","Options":{}}"#)
    }

    @Test func textIsEscaped() throws {
        #expect(try encode(["\"\\\n\u{1}/é": 1.5]) == #"{"\"\\\n\u0001/é":1.5}"#)
        #expect(throws: EncodingError.self) { try encode([Double.nan]) }
    }

    @Test func unsetTimesAreWhatGoCanParse() throws {
        #expect(try encode(ContainerStats()).contains(#""preread":"0001-01-01T00:00:00Z""#))
    }
}

@Suite struct FiltersTests {
    @Test(arguments: [#"{"label":["a=b","c"]}"#, #"{"label":{"a=b":true,"c":true,"d":false}}"#])
    func bothForms(json: String) throws {
        var query = Query()
        query.add("filters", json)
        let filters = try Filters(query)
        #expect(filters["label"].sorted() == ["a=b", "c"])
        #expect(filters.matchesLabels(["a": "b", "c": ""]))
        #expect(!filters.matchesLabels(["a": "x", "c": ""]))
    }

    @Test func unknownFiltersAreNamed() {
        let filters: Filters = ["colour": ["red"]]
        #expect { try filters.validate(["label"]) } throws: { "\($0)" == "invalid filter 'colour'" }
    }

    @Test func truth() throws {
        #expect(try Filters().bool("dangling") == nil)
        #expect(try (["dangling": ["true"]] as Filters).bool("dangling") == true)
        #expect(throws: BerthError.self) { try (["dangling": ["maybe"]] as Filters).bool("dangling") }
    }
}

@Suite struct QueryTests {
    @Test func percentEncoding() {
        let query = Query(percentEncoded: "a=1%2B1&b=x+y&a=%zz&c")
        #expect(query.all("a") == ["1+1", "%zz"])
        #expect(query.string("b") == "x y")
        #expect(query.string("c") == nil)
        #expect(Query.decoded("a+b", plusIsSpace: false) == "a+b")
        #expect(Query(percentEncoded: query.percentEncoded) == query)
    }

    @Test(arguments: [("1", true), ("True", true), ("yes", true), ("0", false), ("None", false), ("", true)])
    func dockersTruth(text: String, truth: Bool) {
        #expect(Query(percentEncoded: "x=\(text)").bool("x", default: true) == truth)
    }

    @Test func badValuesNameTheParameter() {
        #expect { try StopOptions(Query(percentEncoded: "t=soon")) } throws: { "\($0)".contains("\"t\"") }
        #expect(throws: BerthError.self) { try WaitCondition(Query(percentEncoded: "condition=later")) }
    }

    @Test func buildOptionsSurviveTheWire() throws {
        let options = BuildOptions(
            dockerfile: "a/Dockerfile", tags: ["x:1", "y:2"], extraHosts: ["h:10.0.0.1"], noCache: true,
            cacheFrom: ["c"], remove: false, memory: 1 << 30, buildArgs: ["A": "b c", "B": nil],
            ulimits: [Ulimit(name: "nofile", hard: 2, soft: 1)], labels: ["l": "&="], platform: "linux/arm64",
            caBundle: true)
        let text = try options.query().percentEncoded
        #expect(try BuildOptions(Query(percentEncoded: text)) == options)
    }

    @Test func timesHaveNanoseconds() throws {
        let query = Query(percentEncoded: "since=1700000000.5&until=0")
        #expect(try query.time("since") == UnixTime(seconds: 1_700_000_000, nanoseconds: 500_000_000))
        #expect(try query.time("until") == nil)
        #expect(throws: BerthError.self) { try UnixTime("yesterday") }
        #expect(UnixTime(seconds: 1, nanoseconds: 42).description == "1.000000042")
    }

    @Test func versions() {
        #expect(APIVersion("1.51") == .current)
        #expect(APIVersion(1, 9) < APIVersion(1, 24))
        #expect(APIVersion("1.x") == nil)
        #expect(APIVersion("") == nil)
    }
}
