import EngineAPI
import Testing

@testable import CLI

@Suite struct SlipTests {
    @Test(arguments: [
        ("C:/Users/SY/x.html", true), ("c:\\x", true), ("C:\\Users", true), ("web:/etc", false), ("C:x", false),
        ("ab:/x", false), ("/C:/x", false), ("é:/", false),
    ])
    func driveLetters(_ text: String, _ isOne: Bool) { #expect(CopyEnd.hasDriveLetter(text) == isOne) }

    private func container(exitCode: Int, usesInit: Bool? = nil, signal: String = "") -> ContainerInspect {
        var container = ContainerInspect()
        container.state.exitCode = exitCode
        container.hostConfig.initProcess = usesInit
        container.config.stopSignal = signal
        return container
    }

    private func note(_ container: ContainerInspect, timeout: Int? = nil, took: Double) -> String? {
        StubbornContainer.note("web", container, signal: nil, timeout: timeout, took: took, .standard)
    }

    @Test func aContainerThatHadToBeKilledIsTold() {
        let text = note(container(exitCode: 137), took: 10.1)
        #expect(text?.hasPrefix("web did not end within 10 seconds of SIGTERM and was killed") == true)
        #expect(text?.contains("PID 1") == true && text?.contains("berth run --init") == true)
        #expect(
            note(container(exitCode: 137, signal: "SIGQUIT"), timeout: 1, took: 1)?.contains("1 second of SIGQUIT")
                == true)
        #expect(note(container(exitCode: 137, usesInit: true), took: 10.1)?.contains("--init") == false)
    }

    @Test func oneThatEndedByItselfIsNot() {
        #expect(note(container(exitCode: 0), took: 10.1) == nil)
        #expect(note(container(exitCode: 143), took: 10.1) == nil)
        #expect(note(container(exitCode: 137), took: 3) == nil)
        #expect(note(container(exitCode: 137), timeout: 0, took: 1) == nil)
    }
}
