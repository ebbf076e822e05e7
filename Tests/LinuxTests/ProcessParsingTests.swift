import Linux
import Testing

struct ProcessParsingTests {
    @Test(arguments: [
        ("9", 9), ("KILL", 9), ("SIGKILL", 9), ("sigterm", 15), ("Usr1", 10), ("RTMIN", 34), ("SIGRTMIN+3", 37),
        ("RTMAX-1", 63), ("64", 64),
    ])
    func signals(_ text: String, _ number: Int32) { #expect(Signals.number(of: text) == number) }

    @Test(arguments: ["", "0", "65", "-9", "NOSUCH", "SIG", "RTMIN+31", "RTMIN-1", "RTMAX-31"])
    func noSignals(_ text: String) { #expect(Signals.number(of: text) == nil) }

    @Test func lists() {
        #expect(Scheduling.parseCPUs("0") == [0])
        #expect(Scheduling.parseCPUs("0-2,5,7-7") == [0, 1, 2, 5, 7])
        for text in ["", "a", "3-1", "1-", "-1", "1,,2", "0-99999999"] { #expect(Scheduling.parseCPUs(text) == nil) }
    }

    /// The name may hold blanks and parentheses.
    @Test func statusOfAProcess() throws {
        let numbers = (4...52).map { "\($0)" }.joined(separator: " ")
        let status = try #require(ProcessStatus("123 (a) Z (b)) S \(numbers)"))
        #expect(status.state == "S" && status.parent == 4 && status.startTime == 22 && !status.hasEnded)
        #expect(ProcessStatus("1 (x) Z \(numbers)")?.hasEnded == true)
        #expect(ProcessStatus("1 (x) S 1 2") == nil && ProcessStatus("") == nil)
        #expect(ProcessStatus(of: 0) == nil)
        #expect(ProcessStatus(of: Linux.Process.ownID)?.hasEnded == false)
    }
}
