import Errors

/// One flag of a command: how it is written, what it means, and where its value goes.
///
/// Docker's flags are those of Go's pflag: clusters of short flags that may end in one with a value
/// (`-iter`, `-p8080:80`, `-it=false`), booleans that take a value only behind `=`, flags after
/// arguments or not depending on the command. A command declares its flags once; parsing, errors and
/// help all follow from that table.
struct Flag<Root>: Sendable {
    let long: String
    let short: Character?
    let value: FlagValue
    let help: String
    /// What the flag means when it is absent, shown in help; nil shows nothing.
    let fallback: String?
    /// Takes part in parsing but not in help: flags accepted for the sake of old scripts.
    var isHidden = false
    let set: @Sendable (inout Root, String) throws -> Void

    func hidden() -> Flag {
        var copy = self
        copy.isHidden = true
        return copy
    }

    /// As errors name it: `-p, --publish`.
    var spelling: String { short.map { "-\($0), --\(long)" } ?? "--\(long)" }
}

/// Whether a flag takes a value.
enum FlagValue: Sendable {
    /// Set by its mere presence; `=false` unsets it.
    case switched
    /// Takes a value, in help called by this name.
    case named(String)
}

extension Flag {
    /// Where a value goes.
    typealias Place<Value> = any (WritableKeyPath<Root, Value> & Sendable)

    static func bool(
        _ path: Place<Bool>, _ long: String, _ short: Character? = nil,
        _ help: String
    ) -> Flag {
        Flag(long: long, short: short, value: .switched, help: help, fallback: nil) {
            $0[keyPath: path] = try Parse.bool($1)
        }
    }

    /// A switch that is on by default or whose absence means something of its own.
    static func bool(
        _ path: Place<Bool?>, _ long: String, _ short: Character? = nil, _ help: String,
        fallback: String? = nil
    ) -> Flag {
        Flag(long: long, short: short, value: .switched, help: help, fallback: fallback) {
            $0[keyPath: path] = try Parse.bool($1)
        }
    }

    static func string(
        _ path: Place<String?>, _ long: String, _ short: Character? = nil,
        _ help: String, value: String = "string", fallback: String? = nil
    ) -> Flag {
        Flag(long: long, short: short, value: .named(value), help: help, fallback: fallback) {
            $0[keyPath: path] = $1
        }
    }

    /// May be given several times.
    static func list(
        _ path: Place<[String]>, _ long: String, _ short: Character? = nil,
        _ help: String, value: String = "list"
    ) -> Flag {
        Flag(long: long, short: short, value: .named(value), help: help, fallback: nil) {
            $0[keyPath: path].append($1)
        }
    }

    /// `key=value`, repeatable.
    static func filters(
        _ path: Place<[String]>, _ long: String, _ short: Character? = nil, _ help: String
    ) -> Flag {
        Flag(long: long, short: short, value: .named("filter"), help: help, fallback: nil) {
            guard Parse.pair($1).value != nil else {
                throw BerthError.invalidArgument("bad format of filter (expected name=value)")
            }
            $0[keyPath: path].append($1)
        }
    }

    static func int(
        _ path: Place<Int?>, _ long: String, _ short: Character? = nil, _ help: String,
        fallback: String? = nil
    ) -> Flag {
        custom(path, long, short, help, value: "int", fallback: fallback, Parse.int)
    }

    /// A size in bytes with an optional unit.
    static func bytes(
        _ path: Place<Int64?>, _ long: String, _ short: Character? = nil, _ help: String
    ) -> Flag {
        custom(path, long, short, help, value: "bytes", Parse.bytes)
    }

    /// A duration as Go writes it, in nanoseconds.
    static func duration(
        _ path: Place<Int64?>, _ long: String, _ help: String, fallback: String? = nil
    ) -> Flag {
        custom(path, long, nil, help, value: "duration", fallback: fallback, Parse.duration)
    }

    static func custom<Value: Sendable>(
        _ path: Place<Value?>, _ long: String, _ short: Character? = nil,
        _ help: String, value: String, fallback: String? = nil,
        _ parse: @escaping @Sendable (String) throws -> Value
    ) -> Flag {
        Flag(long: long, short: short, value: .named(value), help: help, fallback: fallback) {
            $0[keyPath: path] = try parse($1)
        }
    }

    /// A flag that Docker has and that changes nothing here.
    static func ignored(_ long: String, _ short: Character? = nil, takesValue: Bool) -> Flag {
        Flag(
            long: long, short: short, value: takesValue ? .named("string") : .switched, help: "", fallback: nil,
            isHidden: true, set: { _, _ in })
    }
}

extension Flag {
    /// The same flag of a command that holds `Root` as one of its parts.
    func lifted<Outer>(to path: any (WritableKeyPath<Outer, Root> & Sendable)) -> Flag<Outer> {
        let set = set
        return Flag<Outer>(
            long: long, short: short, value: value, help: help, fallback: fallback, isHidden: isHidden,
            set: { try set(&$0[keyPath: path], $1) })
    }
}
