import Client
import Errors
import FoundationEssentials
import Glibc

/// The `berth` command. `Sources/berth/main.swift` hands it the process's arguments and never gets
/// control back.
public enum Berth {
    /// Runs one command line.
    ///
    /// The calling thread is the process's first. It reads signals for commands that want them; the
    /// work runs on the threads of Swift's concurrency.
    /// - Parameter arguments: as the kernel gave them, the program's own name first.
    public static func main(_ arguments: [String]) -> Never {
        let environment = ProcessInfo.processInfo.environment
        let program = Program(calledAs: arguments.first ?? "berth")
        do {
            switch try Invocation(Array(arguments.dropFirst()), as: program) {
            case .text(let text):
                Console.write(text)
                Exit.now(0)
            case .command(let command, let options, let path):
                run(command, options, program, path: path, environment)
            }
        } catch {
            Report.finish(error, failureCode: 1)
        }
    }

    private static func run(
        _ command: any Command, _ options: GlobalOptions, _ program: Program, path: String,
        _ environment: [String: String]
    ) -> Never {
        let failureCode = type(of: command).failureCode
        do {
            let signals = Signals()
            let loop = command.signals.isEmpty ? nil : try signals.listen(command.signals)
            let session = try Session(
                options, environment: environment, program: program, path: path, signals: signals)
            Task {
                do {
                    try await command.run(in: session)
                    Exit.now(0)
                } catch {
                    Report.finish(error, failureCode: failureCode, path: path)
                }
            }
            if let loop { loop() }
            while true { pause() }
        } catch {
            Report.finish(error, failureCode: failureCode, path: path)
        }
    }
}

/// Tells an error and ends the process.
enum Report {
    static func finish(_ error: any Error, failureCode: Int32, path: String = "berth") -> Never {
        switch error {
        case let exit as ExitCode: Exit.now(exit.code)
        case let failure as CommandLineFailure:
            Console.note(failure.text)
            Exit.now(failure.code)
        case let error as BerthError where failureCode == 125:
            // The commands that stand for a program of their own tell their own failures apart by 125.
            Exit.restoreTerminal()
            Console.note("\(path.prefix { $0 != " " }): \(message(error))\n\nRun '\(path) --help' for more information")
            Exit.now(125)
        default:
            Exit.restoreTerminal()
            Console.note(message(error))
            Exit.now(failureCode)
        }
    }

    /// An error in the words that tools match: what the daemon said is marked as such.
    static func message(_ error: any Error) -> String {
        guard let error = error as? BerthError else { return "\(error)" }
        return error.cause is DaemonFailure ? "Error response from daemon: \(error.message)" : error.message
    }
}
