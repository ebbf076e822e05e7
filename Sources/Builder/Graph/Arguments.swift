import Errors
import OCI

/// The ARG values of a Dockerfile's first lines, which FROM can use and stages can declare again.
struct GlobalArguments: Sendable {
    /// `--build-arg`.
    let given: [String: String]
    private var values: [String: String]

    /// Values that steps see without an ARG and that are no part of cache keys.
    static let proxies: Set<String> = [
        "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy",
        "ALL_PROXY", "all_proxy",
    ]

    init(_ file: Dockerfile, given: [String: String], target: Platform, stage: String) throws(BerthError) {
        self.given = given
        values = Self.platforms(target: target, build: .host)
        values["TARGETSTAGE"] = stage
        for argument in file.globals {
            do throws(SyntaxError) {
                // A platform argument without a value keeps what the builder says.
                if let value = try value(of: argument, escape: file.escape, lookup: value) {
                    values[argument.name] = value
                }
            } catch {
                throw .invalidArgument("ARG \(argument.name): \(error.reason)")
            }
        }
    }

    func value(_ name: String) -> String? { values[name] }

    /// What `ARG name[=value]` gives: the command line's value, else its own, else the global one.
    func value(
        of argument: Argument, escape: Unicode.Scalar, lookup: @escaping (String) -> String?
    ) throws(SyntaxError) -> String? {
        if let value = given[argument.name] { return value }
        if let value = argument.value { return try Expander(escape: escape, value: lookup).word(value) }
        return values[argument.name]
    }

    /// The proxy settings that were given, for the environment of steps.
    var proxySettings: [String] {
        given.filter { Self.proxies.contains($0.key) }.map { "\($0.key)=\($0.value)" }.sorted()
    }

    private static func platforms(target: Platform, build: Platform) -> [String: String] {
        var values: [String: String] = [:]
        for (prefix, platform) in [("TARGET", target), ("BUILD", build)] {
            values[prefix + "PLATFORM"] = platform.description
            values[prefix + "OS"] = platform.os
            values[prefix + "ARCH"] = platform.architecture
            values[prefix + "VARIANT"] = platform.variant ?? ""
        }
        return values
    }
}
