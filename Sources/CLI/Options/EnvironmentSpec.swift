import Errors

/// Environment variables and labels from flags and files.
enum EnvironmentSpec {
    /// Files first, then flags, which win; a name without `=` takes its value from this process's
    /// environment and is left out where it has none.
    static func merge(
        files: [(path: String, text: String)], flags: [String], environment: [String: String]
    ) throws(BerthError) -> [String] {
        var merged: [String] = []
        for file in files { merged += try lines(file.text, of: file.path, environment: environment) }
        for flag in flags {
            guard !flag.isEmpty, !flag.hasPrefix("=") else {
                throw .invalidArgument("invalid environment variable: \(flag)")
            }
            if let resolved = resolve(flag, environment) { merged.append(resolved) }
        }
        return lastOfEach(merged)
    }

    private static func resolve(_ text: String, _ environment: [String: String]) -> String? {
        if text.contains("=") { return text }
        return environment[text].map { "\(text)=\($0)" }
    }

    /// `KEY=value` lines; blank ones and `#` comments are skipped, everything behind `=` is the value.
    private static func lines(
        _ text: String, of path: String, environment: [String: String]
    ) throws(BerthError) -> [String] {
        var result: [String] = []
        let bare = text.hasPrefix("\u{FEFF}") ? text.dropFirst() : text[...]
        for line in bare.split(whereSeparator: \.isNewline) {
            let trimmed = line.drop { $0 == " " || $0 == "\t" }
            guard !trimmed.isEmpty, !trimmed.hasPrefix("#") else { continue }
            let name = trimmed.prefix { $0 != "=" }
            if name.isEmpty {
                throw .invalidArgument("no variable name on line '\(trimmed)' (in \(path))")
            }
            if name.contains(where: \.isWhitespace) {
                throw .invalidArgument("variable '\(name)' contains whitespaces (in \(path))")
            }
            if let resolved = resolve(String(trimmed), environment) { result.append(resolved) }
        }
        return result
    }

    private static func lastOfEach(_ pairs: [String]) -> [String] {
        var order: [String] = []
        var values: [String: String] = [:]
        for pair in pairs {
            let key = Parse.pair(pair).key
            if values[key] == nil { order.append(key) }
            values[key] = pair
        }
        return order.compactMap { values[$0] }
    }
}
