import Errors
import Glibc
import Linux

/// A program that keeps credentials, such as a desktop's keyring: `docker-credential-NAME`.
///
/// It is called with one word (`get`, `store`, `erase`, `list`), reads a line or JSON and writes JSON; when it
/// fails, what it writes says why. Calls are short and are waited for.
struct CredentialHelper: Sendable {
    private let program: String
    private let environment: [String: String]

    /// A user name of this kind means that the secret is an identity token.
    private static let tokenUser = "<token>"

    init(_ name: String, environment: [String: String]) {
        program = "docker-credential-\(name)"
        self.environment = environment
    }

    struct Credentials: Equatable {
        var user: String
        var secret: String
        var isToken: Bool
    }

    /// - Returns: nil when the helper has none for this server.
    func get(_ server: String) throws(BerthError) -> Credentials? {
        let output: [UInt8]
        do throws(BerthError) {
            output = try call("get", server)
        } catch {
            guard error.message.contains("credentials not found") else { throw error }
            return nil
        }
        let answer = try read(output)
        guard case .string(let user)? = answer.field("Username"), case .string(let secret)? = answer.field("Secret")
        else { throw .internal("\(program) get: the answer has no Username and Secret") }
        return Credentials(user: user, secret: secret, isToken: user == Self.tokenUser)
    }

    func store(_ server: String, _ credentials: Credentials) throws(BerthError) {
        let value = TemplateValue.row([
            "ServerURL": .string(server),
            "Username": .string(credentials.isToken ? Self.tokenUser : credentials.user),
            "Secret": .string(credentials.secret),
        ])
        _ = try call("store", value.json)
    }

    func erase(_ server: String) throws(BerthError) { _ = try call("erase", server) }

    /// Every server that it has credentials for.
    func list() throws(BerthError) -> [String] {
        guard case .object(let fields) = try read(try call("list", "unused")) else { return [] }
        return fields.map(\.name)
    }

    private func read(_ output: [UInt8]) throws(BerthError) -> TemplateValue {
        do throws(BerthError) {
            return try JSONReader.read(output)
        } catch {
            throw .internal("\(program): the answer is not JSON")
        }
    }

    // MARK: Calling it

    private func call(_ verb: String, _ input: String) throws(BerthError) -> [UInt8] {
        guard let path = locate() else {
            throw .notFound(
                "error getting credentials: \(program) was not found in PATH (the client's settings name it)")
        }
        let output: [UInt8]
        let code: Int32
        do throws(SystemError) {
            (output, code) = try run(path, verb, input)
        } catch {
            throw BerthError("calling \(program)", error)
        }
        guard code == 0 else {
            throw .internal("\(program) \(verb): \(String(decoding: output, as: UTF8.self).trimmingSpaces())")
        }
        return output
    }

    private func run(_ path: String, _ verb: String, _ input: String) throws(SystemError) -> ([UInt8], Int32) {
        // A helper that ends before it read everything must not end this process.
        Linux.Signals.ignore([.brokenPipe])
        var feed: FileDescriptor?
        var result: FileDescriptor?
        let pid: pid_t
        do {
            let (inputEnd, inputFeed) = try FileDescriptor.pipe()
            let (outputEnd, outputFeed) = try FileDescriptor.pipe()
            pid = try Process.spawn(
                path, [program, verb], environment: environment.map { "\($0.key)=\($0.value)" },
                inheriting: [.init(inputEnd, as: 0), .init(outputFeed, as: 1), .init(Console.error, as: 2)])
            (feed, result) = (inputFeed, outputEnd)
        }
        try? feed?.writeAll(input)
        // Its end of input.
        feed = nil
        let output = try result?.readToEnd() ?? []
        return (output, try Process.wait(pid).code)
    }

    private func locate() -> String? {
        let folders = environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        return folders.split(separator: ":").map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
    }
}
