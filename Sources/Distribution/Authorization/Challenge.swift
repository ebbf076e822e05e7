/// What a registry asks for in `WWW-Authenticate` (RFC 7235; distribution's token specification).
enum Challenge: Hashable, Sendable {
    case basic(realm: String)
    case bearer(realm: String, service: String?, scope: String?)

    /// The best of the challenges in the headers: tokens before passwords. Nil when there is none.
    static func best(of headers: [String]) -> Challenge? {
        let all = headers.compactMap(Challenge.init)
        return all.first { if case .bearer = $0 { true } else { false } } ?? all.first
    }

    init?(_ header: String) {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard let scheme = parts.first?.lowercased() else { return nil }
        let parameters = parts.count > 1 ? Self.parameters(parts[1]) : [:]
        switch scheme {
        case "basic": self = .basic(realm: parameters["realm"] ?? "")
        case "bearer":
            guard let realm = parameters["realm"] else { return nil }
            self = .bearer(realm: realm, service: parameters["service"], scope: parameters["scope"])
        default: return nil
        }
    }

    /// `name="value"` or `name=value`, separated by commas.
    private static func parameters(_ text: Substring) -> [String: String] {
        var result: [String: String] = [:]
        var rest = text
        while let equals = rest.firstIndex(of: "=") {
            let name = rest[..<equals].filter { $0 != " " && $0 != "," }.lowercased()
            rest = rest[rest.index(after: equals)...]
            var value = ""
            if rest.first == "\"" {
                rest.removeFirst()
                while let character = rest.popFirst(), character != "\"" {
                    if character == "\\", let escaped = rest.popFirst() {
                        value.append(escaped)
                    } else {
                        value.append(character)
                    }
                }
            } else {
                value = String(rest.prefix { $0 != "," })
                rest = rest.dropFirst(value.count)
            }
            result[name] = value
        }
        return result
    }
}
