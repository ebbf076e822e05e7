import Client
import EngineAPI
import Errors

/// Asks before something that cannot be undone.
enum Confirmation {
    /// - Returns: whether the answer was yes; without a terminal or an answer it is no.
    static func ask(_ warning: String) throws -> Bool {
        Console.write("\(warning)\nAre you sure you want to continue? [y/N] ")
        let answer = (try? Console.input.read(upTo: 256)) ?? []
        return String(decoding: answer, as: UTF8.self).lowercased().hasPrefix("y")
    }
}

/// What a prune removed.
enum PruneReport {
    static func tell(_ heading: String, _ names: [String], reclaimed: UInt64? = nil) {
        if !names.isEmpty { Console.write("\(heading)\n\(names.map { $0 + "\n" }.joined())\n") }
        if let reclaimed { Console.print("Total reclaimed space: \(Human.size(reclaimed))") }
    }
}

enum FilterSpec {
    /// `key=value`, several of which may have the same key.
    static func parse(_ texts: [String]) throws(BerthError) -> Filters {
        var filters = Filters()
        for text in texts {
            let (key, value) = Parse.pair(text)
            guard let value else {
                throw .invalidArgument("invalid filter '\(text)': expected key=value")
            }
            filters.add(key.lowercased().trimmingSpaces(), value.trimmingSpaces())
        }
        return filters
    }
}

extension StringProtocol {
    func trimmingSpaces() -> String {
        var text = self[startIndex..<endIndex]
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
