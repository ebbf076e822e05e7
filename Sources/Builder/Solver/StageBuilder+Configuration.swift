import Errors
import OCI

/// Instructions that change the configuration alone.
extension StageBuilder {
    /// Applies the instruction and returns it as the history shows it.
    mutating func applyConfiguration(_ command: Command) throws(SyntaxError) -> String {
        switch command {
        case .environment(let variables):
            // All values are expanded before the first is set: one line sees the state before it.
            let expanded = try expand(variables)
            for variable in expanded { state.setEnvironment(variable.name, variable.value) }
            return "ENV " + Self.text(expanded)
        case .label(let labels):
            let expanded = try expand(labels)
            for label in expanded {
                state.config.labels = (state.config.labels ?? [:]).setting(label.name, label.value)
            }
            return "LABEL " + Self.text(expanded)
        case .argument(let arguments): return try declare(arguments)
        case .command(let line):
            let words = words(line)
            state.config.cmd = words
            state.setsCommand = true
            return "CMD " + Self.json(words)
        case .entrypoint(let line):
            let words = words(line)
            state.config.entrypoint = words.isEmpty ? nil : words
            if !state.setsCommand { state.config.cmd = nil }
            return "ENTRYPOINT " + Self.json(words)
        case .expose(let ports): return try expose(ports)
        case .healthcheck(let check): return set(check)
        case .maintainer(let name):
            state.author = name
            return "MAINTAINER " + name
        case .onBuild(let text):
            state.config.onBuild = (state.config.onBuild ?? []) + [text]
            return "ONBUILD " + text
        case .shell(let words):
            state.config.shell = words
            return "SHELL " + Self.json(words)
        case .stopSignal(let text):
            let signal = try expander.word(text)
            guard Self.isSignal(signal) else { throw SyntaxError("invalid signal: \(signal)") }
            state.config.stopSignal = signal
            return "STOPSIGNAL " + signal
        case .user(let text):
            let user = try expander.word(text)
            state.config.user = user
            return "USER " + user
        case .volume(let paths):
            var volumes = state.config.volumes ?? [:]
            var expanded: [String] = []
            for path in paths {
                let path = try expander.word(path)
                guard !path.isEmpty else { throw SyntaxError("VOLUME specified can not be an empty string") }
                volumes[path] = Empty()
                expanded.append(path)
            }
            state.config.volumes = volumes
            return "VOLUME " + Self.json(expanded)
        case .run, .copy, .add, .workingDirectory:
            preconditionFailure("makes a layer: see StageBuilder.apply")
        }
    }

    private func expand(_ variables: [Variable]) throws(SyntaxError) -> [Variable] {
        let expander = expander
        var expanded: [Variable] = []
        for variable in variables {
            let name = try expander.word(variable.name)
            guard !name.isEmpty else { throw SyntaxError("names can not be blank") }
            expanded.append(Variable(name: name, value: try expander.word(variable.value)))
        }
        return expanded
    }

    private mutating func declare(_ arguments: [Argument]) throws(SyntaxError) -> String {
        var texts: [String] = []
        for argument in arguments {
            let state = state
            let value = try session.globals.value(of: argument, escape: session.graph.file.escape) {
                state.variable($0)
            }
            self.state.setArgument(argument.name, value)
            texts.append(value.map { "\(argument.name)=\($0)" } ?? argument.name)
        }
        return "ARG " + texts.joined(separator: " ")
    }

    /// The shell form with the shell before it.
    func words(_ line: CommandLine) -> [String] {
        switch line {
        case .exec(let words): words
        case .shell(let text): text.isEmpty ? [] : state.shell + [text]
        }
    }

    private mutating func expose(_ ports: [String]) throws(SyntaxError) -> String {
        var exposed = state.config.exposedPorts ?? [:]
        var names: [String] = []
        for word in ports {
            for text in try expander.words(word) {
                let keys = try Self.ports(text)
                for key in keys { exposed[key] = Empty() }
                names.append(text)
            }
        }
        state.config.exposedPorts = exposed
        return "EXPOSE " + names.joined(separator: " ")
    }

    /// `80`, `53/udp` or `8000-8003/tcp` as keys of `ExposedPorts`.
    static func ports(_ text: String) throws(SyntaxError) -> [String] {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let proto = parts.count == 2 ? parts[1].lowercased() : "tcp"
        guard ["tcp", "udp", "sctp"].contains(proto) else { throw SyntaxError("invalid proto: \(proto)") }
        let bounds = parts[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { UInt16($0) }
        guard let low = bounds.first ?? nil, let high = bounds.last ?? nil, low > 0, low <= high else {
            throw SyntaxError("invalid containerPort: \(parts[0])")
        }
        return (low...high).map { "\($0)/\(proto)" }
    }

    private mutating func set(_ check: Healthcheck) -> String {
        switch check {
        case .none:
            var health = ImageConfig.Healthcheck()
            health.test = ["NONE"]
            state.config.healthcheck = health
            return "HEALTHCHECK NONE"
        case .command(let line, var health):
            switch line {
            case .shell(let text): health.test = ["CMD-SHELL", text]
            case .exec(let words): health.test = ["CMD"] + words
            }
            state.config.healthcheck = health
            let times: [(String, Int64?)] = [
                ("interval", health.interval), ("timeout", health.timeout), ("start-period", health.startPeriod),
                ("start-interval", health.startInterval),
            ]
            var text = "HEALTHCHECK "
            for (name, value) in times { if let value { text += "--\(name)=\(Double(value) / 1e9)s " } }
            if let retries = health.retries { text += "--retries=\(retries) " }
            return text + "CMD " + Self.json(health.test ?? [])
        }
    }

    // MARK: Texts

    private static func text(_ variables: [Variable]) -> String {
        variables.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
    }

    /// Words as Docker's history shows the exec form.
    static func json(_ words: [String]) -> String {
        let quoted = words.map { word in
            "\"" + word.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        return "[" + quoted.joined(separator: " ") + "]"
    }

    /// A number from 1 to 64, or a name with or without `SIG`.
    static func isSignal(_ text: String) -> Bool {
        if let number = Int(text) { return (1...64).contains(number) }
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        for prefix in ["RTMIN", "RTMAX"] where name.hasPrefix(prefix) {
            let offset = name.dropFirst(prefix.count)
            guard let sign = offset.first else { return true }
            guard let number = Int(offset.dropFirst()) else { return false }
            return sign == (prefix == "RTMIN" ? "+" : "-") && (0...30).contains(number)
        }
        return signalNames.contains(name)
    }

    private static let signalNames: Set<String> = [
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE",
        "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU",
        "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
    ]
}

extension Dictionary {
    fileprivate func setting(_ key: Key, _ value: Value) -> Dictionary {
        var copy = self
        copy[key] = value
        return copy
    }
}
