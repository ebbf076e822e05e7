/// Instructions that work but seldom as they were meant.
enum Lint {
    /// - Parameters:
    ///   - stage: with the instructions before this one.
    ///   - earlier: the stages that this one may start from.
    /// - Returns: the name of the check, as Docker's checks are called where it has the same, and what to do.
    static func warning(about command: Command, in stage: Stage, after earlier: ArraySlice<Stage>) -> String? {
        switch command {
        case .run(let run):
            guard case .shell(let text) = run.commandLine, run.heredocs.isEmpty else { return nil }
            return folderThatIsLeft(text)
        case .workingDirectory(let path):
            return isUncertain(path, in: stage, after: earlier)
                ? "WorkdirRelativePath: Relative workdir \"\(path)\" can have unexpected results if the base image changes"
                : nil
        default:
            return nil
        }
    }

    /// Each RUN starts in the working directory: `RUN cd folder` ends with the step.
    private static func folderThatIsLeft(_ text: String) -> String? {
        let words = text.split { $0 == " " || $0 == "\t" }
        guard words.count >= 2, words[0] == "cd" else { return nil }
        let folder = words[1].prefix { $0 != ";" && $0 != "&" }
        if words.count == 2, folder == words[1] {
            return "RunCd: RUN cd \(folder) has no effect on the instructions after it: write WORKDIR \(folder)"
        }
        let goesOn = words[2...].first.map { $0 == "&&" || $0 == ";" } ?? false
        guard goesOn || folder != words[1], !folder.isEmpty else { return nil }
        return "RunCd: write WORKDIR \(folder) in the place of RUN cd \(folder)"
    }

    private static func isUncertain(_ path: String, in stage: Stage, after earlier: ArraySlice<Stage>) -> Bool {
        guard !path.hasPrefix("/"), !path.contains("$") else { return false }
        let isKnown = stage.instructions.contains { if case .workingDirectory = $0.command { true } else { false } }
        return !isKnown && !earlier.contains { $0.name == stage.base.lowercased() }
    }
}
