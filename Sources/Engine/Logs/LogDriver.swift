import EngineAPI
import Errors
import FoundationEssentials
import Linux
import ShimProtocol

/// A container's log driver with its options checked, as Docker has them.
struct LogDriver: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case jsonFile = "json-file"
        case local, journald, syslog, none
    }

    let kind: Kind
    private let options: [String: String]

    /// Throws `invalidArgument` naming the driver or option that is not known or has a bad value.
    init(_ config: LogConfig?, defaults configuration: EngineConfiguration) throws(BerthError) {
        let given = config?.type ?? ""
        let type = given.isEmpty ? configuration.logDriver : given
        guard let kind = Kind(rawValue: type) else {
            throw .invalidArgument(
                "logger: no log driver named '\(type)' is registered; use "
                    + Kind.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self.kind = kind
        // The daemon's options are those of its own driver.
        let inherited = type == configuration.logDriver ? configuration.logOptions : [:]
        options = inherited.merging(config?.config ?? [:]) { $1 }
        try check()
    }

    // MARK: Options

    private static let selection: Set<String> = ["labels", "labels-regex", "env", "env-regex", "tag"]
    private static let rotation: Set<String> = ["max-size", "max-file", "compress"]
    private static let common: Set<String> = [
        "mode", "max-buffer-size", "cache-disabled", "cache-max-size", "cache-max-file", "cache-compress",
    ]

    private func check() throws(BerthError) {
        let own: Set<String>
        switch kind {
        case .none: return
        case .jsonFile: own = Self.selection.union(Self.rotation)
        case .local: own = Self.rotation
        case .journald: own = Self.selection
        case .syslog:
            own = Self.selection.union(["syslog-address", "syslog-facility", "syslog-format"])
            _ = try syslogAddress()
            _ = try facility()
            _ = try format()
        }
        for name in options.keys.sorted() where !own.contains(name) && !Self.common.contains(name) {
            if name.hasPrefix("syslog-tls") { throw Self.noTLS }
            throw .invalidArgument("unknown log opt '\(name)' for \(kind.rawValue) log driver")
        }
        if let mode = options["mode"], !["blocking", "non-blocking"].contains(mode) {
            throw .invalidArgument("logger: logging mode not supported: \(mode)")
        }
        _ = try file(inDirectory: "", id: "")
        for name in ["labels-regex", "env-regex"] { _ = try pattern(name) }
        if let tag = options["tag"] { _ = try LogTag(tag) }
    }

    private static let noTLS = BerthError.invalidArgument(
        "syslog over TLS is not offered: send to a local syslog daemon, which forwards it")

    // MARK: The file

    /// Whether `logs` has anything to read.
    var isReadable: Bool { kind != .none && !(kind.isService && flag("cache-disabled")) }

    /// Docker shows the path of a json-file log only.
    func shownPath(inDirectory directory: String, id: String) -> String {
        kind == .jsonFile ? path(inDirectory: directory, id: id) : ""
    }

    func path(inDirectory directory: String, id: String) -> String {
        switch kind {
        case .jsonFile, .none: "\(directory)/\(id)-json.log"
        case .local: "\(directory)/local-logs/container.log"
        // What a service got is kept here as well, for `logs`.
        case .journald, .syslog: "\(directory)/cached-logs/container-cached.log"
        }
    }

    /// The file and its bounds.
    func file(inDirectory directory: String, id: String) throws(BerthError) -> Log {
        let prefix = kind.isService ? "cache-" : ""
        let size = options[prefix + "max-size"]
        // As in Docker, who bounds the size alone gets one file; who bounds nothing gets our bounds.
        let isPlain = kind == .jsonFile && size != nil
        var log = Log(
            path: isReadable ? path(inDirectory: directory, id: id) : "",
            maximumSize: kind == .jsonFile ? 10_000_000 : 20_000_000, maximumFiles: isPlain ? 1 : 5)
        if let size {
            guard let bytes = DecimalSize.parse(size) else {
                throw .invalidArgument("invalid value for \"\(prefix)max-size\": \(size)")
            }
            log.maximumSize = max(0, bytes)
        }
        if let text = options[prefix + "max-file"] {
            guard let files = Int32(text) else {
                throw .invalidArgument("invalid value for \"\(prefix)max-file\": \(text)")
            }
            guard files >= 1 else { throw .invalidArgument("\(prefix)max-file cannot be less than 1") }
            log.maximumFiles = files
        }
        if let text = options[prefix + "compress"] {
            guard let isOn = Self.bool(text) else {
                throw .invalidArgument("invalid value for \"\(prefix)compress\": \(text)")
            }
            if isOn, kind == .jsonFile, log.maximumFiles < 2 || size == nil {
                throw .invalidArgument("compress cannot be true when max-file is less than 2 or max-size is not set")
            }
            log.isCompressed = isOn && log.maximumFiles > 1
        } else {
            log.isCompressed = kind != .jsonFile && log.maximumFiles > 1
        }
        return log
    }

    private func flag(_ name: String) -> Bool { options[name].flatMap(Self.bool) ?? false }

    private static func bool(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "1", "t", "true": true
        case "0", "f", "false": false
        default: nil
        }
    }

    // MARK: Attributes

    /// The labels, variables and the tag that the options choose, for each record.
    func attributes(of record: ContainerRecord) throws(BerthError) -> [String: String] {
        var chosen: [String: String] = [:]
        let labels = try chooser("labels")
        for (name, value) in record.config.labels where labels(name) { chosen[name] = value }
        let variables = try chooser("env")
        for entry in record.config.env {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, variables(String(parts[0])) { chosen[String(parts[0])] = String(parts[1]) }
        }
        if kind == .jsonFile, let tag = options["tag"], !tag.isEmpty {
            chosen["tag"] = try LogTag(tag).text(for: record)
        }
        return chosen
    }

    private func chooser(_ name: String) throws(BerthError) -> (String) -> Bool {
        let names = Set((options[name] ?? "").split(separator: ",").map(String.init))
        guard let pattern = try pattern(name + "-regex") else { return { names.contains($0) } }
        return { names.contains($0) || (try? pattern.firstMatch(in: $0)) != nil }
    }

    private func pattern(_ name: String) throws(BerthError) -> Regex<AnyRegexOutput>? {
        guard let text = options[name], !text.isEmpty else { return nil }
        do {
            return try Regex(text)
        } catch {
            throw .invalidArgument("\(name) is no regular expression: \(text)")
        }
    }

    // MARK: For the shim

    /// What the shim is told; nil: it keeps nothing. Blocking: a syslog server's name is looked up.
    func log(for record: ContainerRecord, directory: String) throws -> Log? {
        guard kind != .none else { return nil }
        var log = try file(inDirectory: directory, id: record.id)
        let attributes = try attributes(of: record)
        if !attributes.isEmpty {
            log.attributes = String(decoding: try OrderedJSONEncoder().encode(attributes), as: UTF8.self)
        }
        switch kind {
        case .jsonFile, .local, .none: break
        case .journald: log.forward = try journal(record, attributes)
        case .syslog: log.forward = try syslog(record)
        }
        return log
    }

    /// Blocking: for the daemon, after a rotation.
    func compressOlderFiles(of record: ContainerRecord, _ configuration: EngineConfiguration) throws {
        let log = try file(inDirectory: configuration.directory(of: record.id), id: record.id)
        guard log.isCompressed, !log.path.isEmpty else { return }
        try LogCompression.compressOlder(than: log.path, files: log.maximumFiles)
    }

    private func tag(for record: ContainerRecord) throws(BerthError) -> String {
        let template = options["tag"] ?? ""
        return try LogTag(template.isEmpty ? "{{.ID}}" : template).text(for: record)
    }

    /// Blocking: throws when the service of this host that the lines would go to is not there.
    func checkService() throws(BerthError) {
        switch kind {
        case .jsonFile, .local, .none: break
        case .journald:
            guard Files.exists(Self.journalSocket) else {
                throw .unavailable("failed to initialize logging driver: journald is not enabled on this host")
            }
        case .syslog:
            let address = try syslogAddress()
            guard address.transport != .unix || Files.exists(address.place) else {
                throw .unavailable(
                    "failed to initialize logging driver: no syslog daemon listens on \(address.place): "
                        + "no such file or directory")
            }
        }
    }

    static let journalSocket = "/run/systemd/journal/socket"

    private func journal(_ record: ContainerRecord, _ attributes: [String: String]) throws(BerthError) -> LogForward {
        var forward = LogForward(kind: .journald, transport: .unix, address: Self.journalSocket)
        let tag = try tag(for: record)
        forward.fields = [
            "CONTAINER_ID=\(record.shortID)", "CONTAINER_ID_FULL=\(record.id)", "CONTAINER_NAME=\(record.name)",
            "CONTAINER_TAG=\(tag)", "IMAGE_NAME=\(record.imageName)", "SYSLOG_IDENTIFIER=\(tag)",
        ]
        forward.fields += attributes.sorted { $0.key < $1.key }.compactMap { name, value in
            // The journal takes capital letters, digits and underscores, which are not first.
            let plain = name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
            let field = String(plain.drop { $0 == "_" || $0.isNumber })
            return field.isEmpty ? nil : "\(field)=\(value)"
        }
        return forward
    }
}

extension LogDriver.Kind {
    /// Sends lines elsewhere; the file is only a copy.
    var isService: Bool { self == .journald || self == .syslog }
}

extension EngineConfiguration {
    /// Throws `invalidArgument` for a log driver or options of it that no container could be started with.
    public func checkLogDriver() throws(BerthError) { _ = try LogDriver(nil, defaults: self) }
}

// MARK: - syslog

extension LogDriver {
    private struct Address {
        var transport: LogForward.Transport
        /// A path, or a name or literal of a host.
        var place: String
        var port: UInt16 = 514
    }

    private func syslogAddress() throws(BerthError) -> Address {
        guard let text = options["syslog-address"], !text.isEmpty else {
            return Address(transport: .unix, place: "/dev/log")
        }
        guard let separator = text.firstRange(of: "://") else {
            throw .invalidArgument("address should be in form proto://address, got \(text)")
        }
        let rest = String(text[separator.upperBound...])
        switch text[..<separator.lowerBound] {
        case "unix", "unixgram": return Address(transport: .unix, place: rest)
        case "udp": return try host(rest, .udp)
        case "tcp": return try host(rest, .tcp)
        case "tcp+tls": throw Self.noTLS
        case let other: throw .invalidArgument("unsupported scheme: '\(other)'")
        }
    }

    private func host(_ text: String, _ transport: LogForward.Transport) throws(BerthError) -> Address {
        var address = Address(transport: transport, place: text)
        // `host`, `host:port`, `[v6]`, `[v6]:port`.
        if text.hasPrefix("["), let close = text.firstIndex(of: "]") {
            address.place = String(text[text.index(after: text.startIndex)..<close])
            let rest = text[text.index(after: close)...]
            if rest.hasPrefix(":") { address.port = try Self.port(rest.dropFirst()) }
        } else if let colon = text.lastIndex(of: ":") {
            address.place = String(text[..<colon])
            address.port = try Self.port(text[text.index(after: colon)...])
        }
        guard !address.place.isEmpty else { throw .invalidArgument("syslog-address has no host: \(text)") }
        return address
    }

    private static func port(_ text: Substring) throws(BerthError) -> UInt16 {
        guard let port = UInt16(text), port > 0 else {
            throw .invalidArgument("invalid port of syslog-address: \(text)")
        }
        return port
    }

    private func facility() throws(BerthError) -> UInt8 {
        let names = [
            "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
        ]
        guard let text = options["syslog-facility"], !text.isEmpty else { return 3 }
        if let index = names.firstIndex(of: text) { return UInt8(index) }
        if text.hasPrefix("local"), let number = UInt8(text.dropFirst(5)), number < 8 { return 16 + number }
        if let number = UInt8(text), number < 24 { return number }
        throw .invalidArgument("invalid syslog facility: \(text)")
    }

    private func format() throws(BerthError) -> LogForward.Format {
        let text = options["syslog-format"] ?? ""
        guard !text.isEmpty else { return .plain }
        guard text != "plain", let format = LogForward.Format(rawValue: text) else {
            throw .invalidArgument("Invalid syslog format: \(text)")
        }
        return format
    }

    private func syslog(_ record: ContainerRecord) throws(BerthError) -> LogForward {
        let address = try syslogAddress()
        var forward = LogForward(
            kind: .syslog, transport: address.transport,
            address: address.transport == .unix ? address.place : try HostName.address(of: address.place),
            port: address.port)
        forward.facility = try facility()
        forward.format = try format()
        forward.tag = try tag(for: record)
        forward.host = HostFacts().name
        return forward
    }
}

/// What Docker's `tag` option says: text with `{{.Name}}` and its like.
struct LogTag {
    private enum Part { case text(String), field(String) }
    private var parts: [Part] = []

    private static let fields: Set<String> = [
        "ID", "FullID", "Name", "ImageID", "ImageFullID", "ImageName", "Hostname", "Command", "DaemonName",
        "ContainerID", "ContainerName", "ContainerImageID", "ContainerImageName",
    ]

    init(_ template: String) throws(BerthError) {
        var rest = template[...]
        while let open = rest.firstRange(of: "{{") {
            guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
                throw .invalidArgument("failed to parse the log tag \"\(template)\": unclosed action")
            }
            let word = rest[open.upperBound..<close.lowerBound].filter { !$0.isWhitespace }
            guard word.hasPrefix("."), Self.fields.contains(String(word.dropFirst())) else {
                throw .invalidArgument(
                    "failed to parse the log tag \"\(template)\": {{\(word)}} is not one of "
                        + Self.fields.sorted().map { "{{.\($0)}}" }.joined(separator: " "))
            }
            parts += [.text(String(rest[..<open.lowerBound])), .field(String(word.dropFirst()))]
            rest = rest[close.upperBound...]
        }
        parts.append(.text(String(rest)))
    }

    func text(for record: ContainerRecord) -> String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .field(let name): value(name, record)
            }
        }.joined()
    }

    private func value(_ field: String, _ record: ContainerRecord) -> String {
        switch field {
        case "ID": record.shortID
        case "FullID", "ContainerID": record.id
        case "Name", "ContainerName": record.name
        case "ImageID": String(record.imageID.description.split(separator: ":").last?.prefix(12) ?? "")
        case "ImageFullID", "ContainerImageID": record.imageID.description
        case "ImageName", "ContainerImageName": record.imageName
        case "Hostname": HostFacts().name
        case "Command": ((record.config.entrypoint ?? []) + (record.config.cmd ?? [])).joined(separator: " ")
        default: "docker"
        }
    }
}

/// Sizes of log files, which Docker counts in powers of 1000: `10m`, `512k`, `1g`; -1 is no limit.
enum DecimalSize {
    static func parse(_ text: String) -> Int64? {
        let lower = text.lowercased()
        if lower == "-1" { return 0 }
        let digits = lower.prefix { $0.isNumber || $0 == "." }
        guard let number = Double(digits), number.isFinite, number >= 0 else { return nil }
        let factor: Double
        switch lower.dropFirst(digits.count).filter({ $0 != " " }) {
        case "", "b": factor = 1
        case "k", "kb": factor = 1e3
        case "m", "mb": factor = 1e6
        case "g", "gb": factor = 1e9
        case "t", "tb": factor = 1e12
        default: return nil
        }
        let bytes = number * factor
        return bytes < 9e18 ? Int64(bytes) : nil
    }
}
