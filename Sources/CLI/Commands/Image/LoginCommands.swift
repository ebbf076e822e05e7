import Client
import EngineAPI
import Errors

/// `berth login`.
struct LoginCommand: Command {
    static let syntax = CommandSyntax(
        "[OPTIONS] [SERVER]", "Log in to a registry (Docker Hub unless one is named)", .atMost(1))
    static let flags: [Flag<LoginCommand>] = [
        .string(\.password, "password", "p", "Password or access token"),
        .bool(\.passwordFromInput, "password-stdin", nil, "Read the password or access token from standard input"),
        .string(\.user, "username", "u", "Name of the user"),
    ]

    var password: String?
    var passwordFromInput = false
    var user: String?
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let key = RegistryKey(arguments.first ?? "docker.io")
        guard !key.text.isEmpty else { throw BerthError.invalidArgument("\(arguments[0]) names no registry") }
        var credentials = try RegistryCredentials(session, forChange: true)
        let former = try credentials.config(for: key)
        let given = try given(key)
        var answer: (config: AuthConfig, status: String)?
        if let given {
            answer = try await authenticate(given, key, session)
        } else if user == nil, let former {
            answer = try await authenticateAgain(former, key, session)
        }
        let (config, status): (AuthConfig, String)
        if let answer {
            (config, status) = answer
        } else {
            (config, status) = try await authenticate(try asked(key, former?.username ?? ""), key, session)
        }
        if config != former {
            let isReadable = try credentials.store(config, for: key)
            if isReadable {
                Console.note(
                    "\nWARNING! Your credentials are stored unencrypted in '\(credentials.path)'.\n"
                        + "A credential helper (\"credsStore\" in that file) keeps them elsewhere.\n")
            }
        }
        Console.print(status.isEmpty ? "Login Succeeded" : status)
    }

    /// What the command line gives; nil when it gives no password.
    private func given(_ key: RegistryKey) throws -> AuthConfig? {
        var config = AuthConfig(username: user ?? "", serverAddress: key.text)
        if passwordFromInput {
            guard user != nil else { throw BerthError.invalidArgument("Must provide --username with --password-stdin") }
            guard password == nil else {
                throw BerthError.invalidArgument("--password and --password-stdin are mutually exclusive")
            }
            config.password = Prompt.withoutLineEnd(try Console.input.readToEnd())
        } else if let password {
            Console.note("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
            config.password = password
            if user == nil { config.username = try asked(key, "", withPassword: false).username }
        } else {
            return nil
        }
        guard !config.password.isEmpty else { throw BerthError.invalidArgument("password is empty") }
        return config
    }

    /// What the user types.
    private func asked(_ key: RegistryKey, _ formerUser: String, withPassword: Bool = true) throws -> AuthConfig {
        guard Console.input.isTerminal else {
            throw BerthError.invalidArgument(
                "Error: Cannot perform an interactive login from a non TTY device (use -u and --password-stdin)")
        }
        var config = AuthConfig(username: user ?? "", serverAddress: key.text)
        if config.username.isEmpty {
            if key == .hub, formerUser.isEmpty {
                Console.print("Log in with your Docker ID; an access token can stand in for the password.")
            }
            config.username = Prompt.ask(formerUser.isEmpty ? "Username: " : "Username (\(formerUser)): ")
            if config.username.isEmpty { config.username = formerUser }
        }
        guard !config.username.isEmpty else { throw BerthError.invalidArgument("username is required") }
        guard withPassword else { return config }
        config.password = Prompt.askHidden("Password: ")
        guard !config.password.isEmpty else { throw BerthError.invalidArgument("password is required") }
        return config
    }

    /// With what is stored. A refusal is told, and the user is asked, where there is one.
    private func authenticateAgain(
        _ former: AuthConfig, _ key: RegistryKey, _ session: Session
    ) async throws -> (AuthConfig, String)? {
        let name = former.username.isEmpty ? "" : " [Username: \(former.username)]"
        Console.print("Authenticating with existing credentials...\(name)")
        do {
            return try await authenticate(former, key, session)
        } catch  where Console.input.isTerminal {
            Console.note("Login did not succeed, error: \(Report.message(error))")
            return nil
        }
    }

    /// - Returns: what to keep: the token, where the registry gave one in exchange.
    private func authenticate(
        _ config: AuthConfig, _ key: RegistryKey, _ session: Session
    ) async throws -> (AuthConfig, String) {
        let answer: AuthResponse
        do {
            answer = try await session.client.authenticate(config)
        } catch let error as BerthError
            where !error.message.contains(key.domain) && error.cause is DaemonFailure
        {
            throw BerthError(error.code, "login to \(key.host) failed: \(error.message)", cause: error.cause)
        }
        var kept = config
        if !answer.identityToken.isEmpty {
            kept.identityToken = answer.identityToken
            kept.password = ""
        }
        return (kept, answer.status)
    }
}

/// Questions on the terminal.
enum Prompt {
    static func ask(_ prompt: String) -> String {
        Console.write(prompt)
        return withoutLineEnd((try? Console.input.read(upTo: 1024)) ?? [])
    }

    /// What is typed is not shown, and shown as no more than a new line at its end.
    static func askHidden(_ prompt: String) -> String {
        // First, since whoever types ahead must not see it either.
        guard (try? Exit.makeTerminalRaw()) != nil else { return ask(prompt) }
        Console.write(prompt)
        defer {
            Exit.restoreTerminal()
            Console.write("\n")
        }
        var typed: [UInt8] = []
        while let byte = try? Console.input.read(upTo: 1).first {
            switch byte {
            case 10, 13: return String(decoding: typed, as: UTF8.self)
            case 3: Exit.now(130)
            case 4: return String(decoding: typed, as: UTF8.self)
            case 21: typed = []
            case 8, 127:
                // A character of several bytes goes as one.
                while let last = typed.popLast(), last & 0xC0 == 0x80 {}
            default: typed.append(byte)
            }
        }
        return String(decoding: typed, as: UTF8.self)
    }

    static func withoutLineEnd(_ bytes: [UInt8]) -> String {
        var bytes = bytes
        if bytes.last == 10 { bytes.removeLast() }
        if bytes.last == 13 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// `berth logout`.
struct LogoutCommand: Command {
    static let syntax = CommandSyntax(
        "[SERVER]", "Forget the credentials of a registry (Docker Hub unless one is named)", .atMost(1))

    var arguments: [String] = []

    func run(in session: Session) async throws {
        let key = RegistryKey(arguments.first ?? "docker.io")
        var credentials = try RegistryCredentials(session, forChange: true)
        if try credentials.remove(key) {
            Console.print("Removing login credentials for \(key.text)")
        } else {
            Console.print("Not logged in to \(key.text)")
        }
    }
}
