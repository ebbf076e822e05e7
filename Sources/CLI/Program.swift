/// This program under the name by which it was called: `berth`, or `docker` and `docker-compose` through
/// links. Texts name the commands as the user typed them.
struct Program: Sendable, Equatable {
    /// The last component of the path that it was called by.
    let name: String

    static let standard = Program(calledAs: "berth")

    init(calledAs path: String) {
        name = path.split(separator: "/").last.map(String.init) ?? "berth"
    }

    /// Takes Compose's commands directly, as `docker-compose` does.
    var isCompose: Bool { name.lowercased().hasPrefix("docker-compose") || name.hasPrefix("berth-compose") }

    /// Scripts look for `Docker version` behind `docker -v`.
    private var product: String { name.lowercased().hasPrefix("docker") ? "Docker" : "Berth" }

    var versionLine: String { "\(product) version \(BerthVersion.version), build \(BerthVersion.build)\n" }

    var composeVersionLine: String { "\(product) Compose version v\(BerthVersion.version)\n" }
}
