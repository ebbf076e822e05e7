import Errors

/// An image reference, `[registry/]repository[:tag][@digest]`, with Docker's rules for what is left
/// out: no registry means `docker.io`, one component there means `library/…`, no tag means `latest`.
public struct Reference: Hashable, Sendable, CustomStringConvertible {
    public static let defaultRegistry = "docker.io"
    public static let defaultTag = "latest"

    /// Host and optional port, `docker.io` when none was written.
    public let registry: String
    /// Path within the registry, with `library/` where Docker adds it.
    public let repository: String
    public let tag: String?
    public let digest: Digest?

    public init(registry: String, repository: String, tag: String?, digest: Digest?) {
        self.registry = registry
        self.repository = repository
        self.tag = tag
        self.digest = digest
    }

    /// Parses what a user typed. `latest` is filled in when neither tag nor digest is given.
    public init(_ text: String) throws(BerthError) {
        var rest = Substring(text)
        var digest: Digest?
        if let at = rest.firstIndex(of: "@") {
            digest = try Digest(String(rest[rest.index(after: at)...]))
            rest = rest[..<at]
        }
        var tag: String?
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/") {
            tag = String(rest[rest.index(after: colon)...])
            rest = rest[..<colon]
        }
        if let tag, !Self.isTag(tag) { throw Self.invalid(text) }

        var registry = Self.defaultRegistry
        if let slash = rest.firstIndex(of: "/") {
            let first = rest[..<slash]
            if first.contains(".") || first.contains(":") || first == "localhost"
                || first.contains(where: \.isUppercase)
            {
                registry = String(first)
                rest = rest[rest.index(after: slash)...]
            }
        }
        if registry == "index.docker.io" { registry = Self.defaultRegistry }
        var repository = String(rest)
        if repository.contains(where: \.isUppercase) {
            throw .invalidArgument("invalid reference format: repository name (\(repository)) must be lowercase")
        }
        guard Self.isRepository(repository), !registry.isEmpty else { throw Self.invalid(text) }
        if registry == Self.defaultRegistry, !repository.contains("/") { repository = "library/" + repository }
        if tag == nil, digest == nil { tag = Self.defaultTag }
        self.init(registry: registry, repository: repository, tag: tag, digest: digest)
    }

    /// The repository as users write it: without `docker.io/` and `library/`.
    public var familiarName: String {
        guard registry == Self.defaultRegistry else { return "\(registry)/\(repository)" }
        let prefix = "library/"
        guard repository.hasPrefix(prefix), !repository.dropFirst(prefix.count).contains("/") else {
            return repository
        }
        return String(repository.dropFirst(prefix.count))
    }

    /// What lists show and commands accept, such as `nginx:latest` or `host:5000/a/b@sha256:…`.
    public var familiar: String { familiarName + suffix }

    /// The whole form, such as `docker.io/library/nginx:latest`.
    public var description: String { "\(registry)/\(repository)" + suffix }

    private var suffix: String {
        (tag.map { ":" + $0 } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    private static func invalid(_ text: String) -> BerthError {
        .invalidArgument("invalid reference format: \"\(text)\"")
    }

    private static func isTag(_ tag: String) -> Bool {
        guard let first = tag.utf8.first, first != UInt8(ascii: "."), first != UInt8(ascii: "-"),
            tag.utf8.count <= 128
        else { return false }
        return tag.utf8.allSatisfy {
            isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
                || (0x41...0x5a).contains($0)
        }
    }

    private static func isRepository(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.count <= 255 else { return false }
        return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { component in
            guard let first = component.utf8.first, let last = component.utf8.last,
                isAlphanumeric(first), isAlphanumeric(last)
            else { return false }
            return component.utf8.allSatisfy {
                isAlphanumeric($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            }
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte)
    }
}
