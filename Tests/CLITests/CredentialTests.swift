import Client
import EngineAPI
import Errors
import Glibc
import Linux
import Testing

@testable import CLI

/// A folder of its own for the client's settings.
private final class Folder {
    let path: String

    init() throws {
        var template = Array("/tmp/berth-cli-tests.XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit { try? Files.removeTree(path) }

    func write(_ name: String, _ text: String, mode: mode_t = 0o644) throws {
        try Files.write(path + "/" + name, text, mode: mode)
    }

    func text(_ name: String) throws -> String { try Files.readText(path + "/" + name) }

    func credentials(in folder: String = "") throws -> RegistryCredentials {
        RegistryCredentials(
            file: try ConfigFile(folder: path + folder), environment: ["PATH": "\(path):/usr/bin:/bin", "STORE": path])
    }
}

@Suite struct CredentialFileTests {
    @Test func whatIsStoredIsFoundAgain() throws {
        let folder = try Folder()
        var credentials = try folder.credentials(in: "/new")
        let config = AuthConfig(username: "li", password: "pass:word", serverAddress: "r.test:5000")
        #expect(try credentials.store(config, for: RegistryKey("r.test:5000")))
        #expect(try folder.credentials(in: "/new").config(for: RegistryKey("r.test:5000")) == config)
        #expect(try Files.status(folder.path + "/new").permissions == 0o700)
        #expect(try Files.status(folder.path + "/new/config.json").permissions == 0o600)
        #expect(try folder.text("new/config.json").contains("\"auth\": \"bGk6cGFzczp3b3Jk\""))
    }

    @Test func allElseInTheFileStaysAsItIs() throws {
        let folder = try Folder()
        try folder.write(
            "config.json",
            #"{"zeta":1.50,"auths":{"b.test":{"auth":"YTpi","email":"x"},"a.test":{"auth":"YTpi"}},"alpha":{"k":[true,null]}}"#
        )
        var credentials = try folder.credentials()
        _ = try credentials.store(AuthConfig(username: "u", password: "p"), for: RegistryKey("c.test"))
        var text = try folder.text("config.json")
        func order(_ names: String...) -> Bool {
            let places = names.compactMap { text.firstRange(of: "\"\($0)\"")?.lowerBound }
            return places.count == names.count && places == places.sorted()
        }
        #expect(order("zeta", "auths", "b.test", "a.test", "c.test", "alpha") && text.contains("1.50"))
        #expect(text.contains("\"email\": \"x\""))
        #expect(try credentials.remove(RegistryKey("https://b.test/v2/")))
        #expect(try !credentials.remove(RegistryKey("b.test")))
        text = try folder.text("config.json")
        #expect(order("zeta", "auths", "a.test", "c.test", "alpha") && !text.contains("b.test"))
    }

    @Test func aLinkedFileIsWrittenWhereItIs() throws {
        let folder = try Folder()
        try Files.makeDirectory(folder.path + "/home")
        try folder.write("real.json", "{}", mode: 0o600)
        try FileDescriptor.openDirectory(folder.path + "/home").makeSymbolicLink("config.json", to: "../real.json")
        var credentials = try folder.credentials(in: "/home")
        _ = try credentials.store(AuthConfig(username: "u", password: "p"), for: RegistryKey("r.test"))
        #expect(try folder.text("real.json").contains("r.test"))
        let link = try FileDescriptor.openDirectory(folder.path + "/home").status(of: "config.json")
        #expect(link.kind == .symbolicLink)
    }

    @Test func identityTokensStandInForPasswords() throws {
        let folder = try Folder()
        var credentials = try folder.credentials()
        let config = AuthConfig(username: "li", serverAddress: "r.test", identityToken: "tok")
        _ = try credentials.store(config, for: RegistryKey("r.test"))
        #expect(try folder.credentials().config(for: RegistryKey("r.test")) == config)
    }

    @Test(arguments: [
        ("docker.io", "https://index.docker.io/v1/"), ("index.docker.io", "https://index.docker.io/v1/"),
        ("https://index.docker.io/v1/", "https://index.docker.io/v1/"), ("https://host/v1/", "host"),
        ("http://host:5000/", "host:5000"), ("host:5000/team/app", "host:5000"), ("host", "host"),
    ])
    func registriesHaveOneName(_ given: String, _ key: String) { #expect(RegistryKey(given).text == key) }

    @Test func namesOfOldClientsAreFound() throws {
        let folder = try Folder()
        try folder.write(
            "config.json", #"{"auths":{"https://r.test/v1/":{"auth":"YTpi"},"index.docker.io":{"auth":"YTpi"}}}"#)
        let credentials = try folder.credentials()
        #expect(try credentials.auth(forImage: "r.test/app:1")?.config.username == "a")
        #expect(try credentials.auth(forImage: "nginx")?.config.username == "a")
        #expect(try credentials.auth(forImage: "other.test/app") == nil)
    }
}

@Suite struct CredentialHelperTests {
    /// Keeps each server's secret in a file, and says in `calls` what it was asked.
    private static let helper = """
        #!/bin/sh
        read -r line || true
        echo "$1 $line" >> "$STORE/calls"
        case "$1" in
        store) printf %s "$line" > "$STORE/stored" ;;
        get) [ -f "$STORE/stored" ] && [ "$line" = r.test ] && cat "$STORE/stored" && exit 0
             echo "credentials not found in native keychain"; exit 1 ;;
        erase) rm -f "$STORE/stored" ;;
        list) if [ -f "$STORE/stored" ]; then echo '{"r.test":"li"}'; else echo '{}'; fi ;;
        esac
        """

    private func folder(_ settings: String) throws -> Folder {
        let folder = try Folder()
        try folder.write("docker-credential-fake", Self.helper, mode: 0o755)
        try folder.write("config.json", settings)
        return folder
    }

    @Test(arguments: [#"{"credsStore":"fake"}"#, #"{"credHelpers":{"r.test":"fake"}}"#])
    func aHelperKeepsTheSecret(_ settings: String) throws {
        let folder = try folder(settings)
        var credentials = try folder.credentials()
        let key = RegistryKey("r.test")
        #expect(try credentials.config(for: key) == nil)
        #expect(try !credentials.store(AuthConfig(username: "li", password: "geheim"), for: key))
        #expect(try !folder.text("config.json").contains("geheim") && folder.text("config.json").contains("r.test"))
        #expect(
            try folder.text("stored") == #"{"ServerURL":"r.test","Username":"li","Secret":"geheim"}"#)
        let found = try folder.credentials().config(for: key)
        #expect(found == AuthConfig(username: "li", password: "geheim", serverAddress: "r.test"))
        #expect(try folder.credentials().all["r.test"]?.password == "geheim")
        #expect(try credentials.remove(key))
        #expect(try folder.credentials().config(for: key) == nil)
        #expect(try folder.text("calls").contains("erase r.test\n"))
    }

    @Test func aTokenHasItsOwnUserName() throws {
        let folder = try folder(#"{"credsStore":"fake"}"#)
        var credentials = try folder.credentials()
        _ = try credentials.store(AuthConfig(username: "li", identityToken: "tok"), for: RegistryKey("r.test"))
        #expect(try folder.text("stored").contains(#""Username":"<token>","Secret":"tok""#))
        let found = try credentials.config(for: RegistryKey("r.test"))
        #expect(found?.identityToken == "tok" && found?.username == "" && found?.password == "")
    }

    @Test func failuresNameTheHelper() throws {
        let folder = try folder(#"{"credsStore":"missing"}"#)
        #expect(throws: BerthError.self) { try folder.credentials().config(for: RegistryKey("r.test")) }
        try folder.write("docker-credential-broken", "#!/bin/sh\necho locked; exit 1\n", mode: 0o755)
        try folder.write("config.json", #"{"credsStore":"broken"}"#)
        do {
            _ = try folder.credentials().config(for: RegistryKey("r.test"))
            Issue.record("no error")
        } catch let error as BerthError {
            #expect(error.message == "docker-credential-broken get: locked")
        }
    }

    @Test func aFileOfBeforeTheHelperStillCounts() throws {
        let folder = try folder(#"{"credsStore":"fake","auths":{"r.test":{"auth":"YTpi"}}}"#)
        #expect(try folder.credentials().config(for: RegistryKey("r.test"))?.username == "a")
    }
}

@Suite struct ProxySettingsTests {
    @Test func proxiesGoToContainersInBothSpellings() throws {
        let folder = try Folder()
        try folder.write(
            "config.json",
            #"{"proxies":{"default":{"httpProxy":"http://p:1","noProxy":"lan"},"tcp://h:1":{"httpsProxy":"http://q:2"}}}"#
        )
        let file = try ConfigFile(folder: folder.path)
        #expect(
            ProxySettings.variables(file, host: "unix:///s").map { "\($0.name)=\($0.value)" } == [
                "HTTP_PROXY=http://p:1", "http_proxy=http://p:1", "NO_PROXY=lan", "no_proxy=lan",
            ])
        #expect(ProxySettings.variables(file, host: "tcp://h:1").map(\.name) == ["HTTPS_PROXY", "https_proxy"])
        var options = ContainerOptions()
        options.environment = ["http_proxy=mine"]
        let context = RequestContext(
            folder: WorkingFolder(path: "/", home: "/root"), environment: [:],
            proxies: ProxySettings.variables(file, host: "unix:///s"), read: { _ in "" })
        let request = try options.request(image: "i", command: [], detached: true, in: context)
        #expect(request.config.env == ["http_proxy=mine", "HTTP_PROXY=http://p:1", "NO_PROXY=lan", "no_proxy=lan"])
    }
}
