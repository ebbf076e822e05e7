/// The version of this command.
enum BerthVersion {
    static let version = "0.1.0"
    static let build = "source"
    /// Stands where Docker names its version of Go, as in the daemon's own answer.
    static let language = "swift6.3"
    static let apiVersion = "1.51"

    /// In Go's words, as image platforms have it.
    static var architecture: String {
        #if arch(arm64)
            "arm64"
        #elseif arch(x86_64)
            "amd64"
        #else
            "unknown"
        #endif
    }
}
