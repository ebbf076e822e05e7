import Client
import EngineAPI
import Errors
import Glibc
import Linux

/// An address of a registry as settings have it: `https://mirror.example:5000`, `10.0.0.1:5000`, `registry.example`.
struct RegistryAddress: Hashable, Sendable {
    enum Scheme: Hashable, Sendable { case http, https, unnamed }

    let text: String
    let scheme: Scheme
    let host: String
    /// nil: the scheme's.
    let port: UInt16?
    let path: String

    /// nil for what is no address of one host, such as a block (`10.0.0.0/8`).
    init?(_ text: String) {
        var rest = text[...]
        if let end = text.firstRange(of: "://") {
            switch text[..<end.lowerBound] {
            case "http": scheme = .http
            case "https": scheme = .https
            default: return nil
            }
            rest = text[end.upperBound...]
        } else {
            scheme = .unnamed
            if text.contains("/") { return nil }
        }
        var authority = rest.prefix { $0 != "/" }
        path = String(rest.dropFirst(authority.count)).split(separator: "/").map { "/\($0)" }.joined()
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            host = String(authority[authority.index(after: authority.startIndex)..<end])
            authority = authority[authority.index(after: end)...]
        } else {
            host = String(authority.prefix { $0 != ":" })
            authority = authority.dropFirst(host.count)
        }
        guard !host.isEmpty else { return nil }
        if authority.isEmpty {
            port = nil
        } else {
            guard authority.first == ":", let number = UInt16(authority.dropFirst()) else { return nil }
            port = number
        }
        self.text = text
    }

    /// As it stands at the head of an image's name.
    var name: String {
        let host = host.contains(":") ? "[\(host)]" : host
        return port.map { "\(host):\($0)" } ?? host
    }

    var isDockerHub: Bool { host == "docker.io" || host.hasSuffix(".docker.io") || host.hasSuffix(".docker.com") }
}

/// Whether the registries of the daemon's settings answer. Docker Hub is left alone unless it is asked for.
struct RegistryCheck: HostCheck {
    let facts: DaemonFacts
    let isOnline: Bool

    /// What came of asking.
    enum Outcome: Sendable, Equatable {
        case answers(String)
        /// Its port is open; more can be seen by the daemon alone.
        case reachable
        case fails(String)
    }

    static func addresses(_ settings: DaemonSettings, isOnline: Bool) -> [RegistryAddress] {
        var seen: Set<String> = []
        let configured = (settings.mirrors + settings.registries).compactMap { RegistryAddress($0) }
        let all =
            configured.filter { !$0.isDockerHub } + (isOnline ? [RegistryAddress("docker.io")] : []).compactMap { $0 }
        return all.filter { seen.insert($0.text).inserted }
    }

    func findings() async -> [Finding] {
        let addresses = Self.addresses(facts.settings, isOnline: isOnline)
        guard !addresses.isEmpty else { return [.ok("registries", "none in the settings; --online asks Docker Hub")] }
        return await withTaskGroup(of: (Int, Finding).self) { group in
            for (index, address) in addresses.enumerated() {
                group.addTask {
                    let outcome = await Deadline.run { await ask(address) }
                    let late = Outcome.fails("no answer within \(Int(Deadline.seconds)) seconds")
                    return (
                        index, Self.finding(address, outcome ?? late, file: facts.settings.file, restart: facts.restart)
                    )
                }
            }
            var all: [(Int, Finding)] = []
            for await one in group { all.append(one) }
            return all.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    static func finding(_ address: RegistryAddress, _ outcome: Outcome, file: String, restart: String) -> Finding {
        switch outcome {
        case .answers(let how): return .ok("registry", "\(address.text) answers\(how.isEmpty ? "" : " (\(how))")")
        case .reachable:
            return .ok("registry", "\(address.text) takes connections; whether it is trusted only the daemon can say")
        case .fails(let reason):
            let url = "\(address.scheme == .http ? "http" : "https")://\(address.name)\(address.path)/v2/"
            let repair =
                address.isDockerHub
                ? "add \"registry-mirrors\": [\"https://MIRROR\"] to \(file), then \(restart)"
                : "curl -v \(url), or take it out of \(file)"
            return .problem("registry", "\(address.text): \(reason)", repair: repair)
        }
    }

    /// A mirror by plain HTTP is asked from here; for TLS the daemon has the authorities and the proxies.
    private func ask(_ address: RegistryAddress) async -> Outcome {
        if address.scheme == .http {
            let answer = try? await BlockingWork.run { RegistryProbe.get(address) }
            return answer ?? .fails("it could not be asked")
        }
        if facts.answers {
            do {
                let path = "/distribution/\(address.name)/berth-doctor/berth-doctor/json"
                _ = try await EngineClient(host: facts.host).bytes(EngineRequest(.get, path))
                return .answers("asked by the daemon")
            } catch let error as BerthError {
                // That it does not know this image, or not us, is an answer of the registry.
                let answers: [BerthError.Code] = [.notFound, .unauthenticated, .permissionDenied]
                return answers.contains(error.code) ? .answers("asked by the daemon") : .fails(error.message)
            } catch {
                return .fails("\(error)")
            }
        }
        let ports: [UInt16] = address.port.map { [$0] } ?? (address.isDockerHub ? [443] : [443, 80])
        let host = address.isDockerHub ? "registry-1.docker.io" : address.host
        let open = try? await BlockingWork.run { RegistryProbe.connects(host, ports) }
        return open ?? .fails("it could not be asked")
    }
}

/// Asks registries with the means of the C library.
enum RegistryProbe {
    /// `GET /v2/`. Status 401 is what one that wants a login says.
    static func get(_ address: RegistryAddress) -> RegistryCheck.Outcome {
        let port = address.port ?? 80
        let opened = open(address.host, port)
        guard case .success(let socket) = opened else { return failure(opened) }
        let request =
            "GET \(address.path)/v2/ HTTP/1.1\r\nHost: \(address.name)\r\nUser-Agent: berth/\(BerthVersion.version)\r\n"
            + "Connection: close\r\n\r\n"
        do throws(SystemError) {
            try socket.writeAll(request)
            let bytes = try socket.read(upTo: 4096)
            return answer(String(decoding: bytes, as: UTF8.self))
        } catch {
            return .fails([EAGAIN, EINPROGRESS].contains(error.errno) ? "no answer" : error.reason)
        }
    }

    /// - Parameter text: the beginning of an answer.
    static func answer(_ text: String) -> RegistryCheck.Outcome {
        let words = text.prefix { $0 != "\r\n" && $0 != "\n" }.split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/"), let status = Int(words[1]) else {
            return .fails("what answers there does not speak HTTP")
        }
        switch status {
        case 200: return .answers("")
        case 401, 403: return .answers("wants a login")
        default: return .fails("GET /v2/ ends with status \(status): this is no registry, or it is in trouble")
        }
    }

    /// Whether one of the ports takes connections.
    static func connects(_ host: String, _ ports: [UInt16]) -> RegistryCheck.Outcome {
        var last = RegistryCheck.Outcome.fails("no port")
        for port in ports {
            let opened = open(host, port)
            if case .success = opened { return .reachable }
            last = failure(opened)
        }
        return last
    }

    private struct Failure: Error { let reason: String }

    private static func failure(_ result: Result<FileDescriptor, Failure>) -> RegistryCheck.Outcome {
        if case .failure(let failure) = result { .fails(failure.reason) } else { .reachable }
    }

    private static func open(_ host: String, _ port: UInt16) -> Result<FileDescriptor, Failure> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, "\(port)", &hints, &list)
        guard code == 0 else {
            return .failure(Failure(reason: "\(host): \(String(cString: gai_strerror(code)))"))
        }
        defer { freeaddrinfo(list) }
        var reason = "no address"
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            let flags = entry.ai_socktype | Int32(SOCK_CLOEXEC.rawValue)
            let number = socket(entry.ai_family, flags, entry.ai_protocol)
            guard number >= 0 else { continue }
            let socket = FileDescriptor(owning: number)
            // Holds for connecting, too.
            var limit = timeval(tv_sec: Int(Deadline.seconds), tv_usec: 0)
            for option in [SO_SNDTIMEO, SO_RCVTIMEO] {
                setsockopt(number, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
            }
            if connect(number, entry.ai_addr, entry.ai_addrlen) == 0 { return .success(socket) }
            reason = errno == EINPROGRESS ? "no answer" : errnoText(errno)
        }
        return .failure(Failure(reason: reason))
    }
}
