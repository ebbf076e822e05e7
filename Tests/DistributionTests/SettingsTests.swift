import Testing

@testable import Distribution

@Suite struct SettingsTests {
    @Test(arguments: [
        ("https://Host.example:5000/", "https", "Host.example:5000", ""),
        ("http://127.0.0.1:1/v2/", "http", "127.0.0.1:1", ""),
        ("mirror.example/hub/", nil, "mirror.example", "/hub"),
    ])
    func endpoints(text: String, scheme: String?, authority: String, prefix: String) throws {
        let endpoint = try RegistryEndpoint(text)
        #expect(endpoint == RegistryEndpoint(scheme: scheme, authority: authority, prefix: prefix))
    }

    @Test(arguments: ["ftp://host", "https://", "https://user@host", "two words"])
    func addressesThatAreNone(text: String) {
        #expect(throws: (any Error).self) { try RegistryEndpoint(text) }
    }

    @Test func hubIsNotWhereItsNameLeads() {
        var settings = RegistrySettings()
        #expect(settings.endpoints(of: "docker.io") == [RegistryEndpoint(authority: "registry-1.docker.io")])
        let mirror = RegistryEndpoint(scheme: "http", authority: "m:1")
        let server = RegistryEndpoint(scheme: "http", authority: "s:1")
        settings.routes["docker.io"] = RegistrySettings.Route(mirrors: [mirror], server: server)
        #expect(settings.endpoints(of: "docker.io") == [mirror, server])
        #expect(settings.endpoints(of: "host:5000") == [RegistryEndpoint(authority: "host:5000")])
    }

    @Test func insecureRegistries() throws {
        var settings = RegistrySettings()
        for loopback in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"] {
            #expect(settings.isInsecure(loopback))
        }
        for other in ["10.0.0.5:5000", "reg.example:5000", "localhost.example"] { #expect(!settings.isInsecure(other)) }
        settings.insecure = try ["10.0.0.0/8", "reg.example:5000", "http://bare.example"].map {
            try InsecureRegistry($0)
        }
        for listed in ["10.0.0.5:5000", "reg.example:5000", "bare.example", "bare.example:1"] {
            #expect(settings.isInsecure(listed))
        }
        for other in ["11.0.0.5:5000", "reg.example:5001"] { #expect(!settings.isInsecure(other)) }
        #expect(throws: (any Error).self) { try InsecureRegistry("10.0.0.0/40") }
    }

    @Test func proxies() {
        let settings = ProxySettings(environment: [
            "https_proxy": "http://me:secret@proxy.example:3128/", "HTTP_PROXY": "plain:8080",
            "NO_PROXY": "intern.example, .corp.example,10.0.0.0/8,other:5000",
        ])
        let proxy = settings.proxy(scheme: "https", authority: "reg.example")
        #expect(proxy?.host == "proxy.example" && proxy?.port == 3128)
        #expect(proxy?.user == "me" && proxy?.password == "secret")
        #expect(settings.proxy(scheme: "http", authority: "reg.example:80")?.port == 8080)
        for direct in [
            "intern.example:5000", "a.intern.example", "b.corp.example", "10.1.2.3:5000", "other:5000", "localhost:1",
            "127.0.0.1",
        ] {
            #expect(settings.proxy(scheme: "https", authority: direct) == nil)
        }
        #expect(settings.proxy(scheme: "https", authority: "notintern.example") != nil)
        #expect(settings.proxy(scheme: "https", authority: "other:5001") != nil)
    }

    @Test func namesOfRegistries() {
        #expect(RegistryClient.name(of: "https://index.docker.io/v1/") == "docker.io")
        #expect(RegistryClient.name(of: "https://host:5000/v2/") == "host:5000")
        #expect(RegistryClient.name(of: "host:5000/path") == "host:5000")
        #expect(RemoteRepository.next(#"</v2/_catalog?n=1&last=a>; rel="next""#) == "/v2/_catalog?n=1&last=a")
        #expect(RemoteRepository.next(nil) == nil)
    }

    @Test func problems() {
        let body = #"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}}]}"#
        #expect(RegistryProblem(status: .notFound, body: Array(body.utf8)).text == "manifest unknown: manifest unknown")
        #expect(RegistryProblem(status: .badGateway, body: Array("<html>".utf8)).text == "502 Bad Gateway")
    }
}
