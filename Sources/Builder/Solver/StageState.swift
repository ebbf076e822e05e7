import FoundationEssentials
import ImageStore
import OCI

/// What a stage has come to after its instructions so far.
struct StageState: Sendable {
    var config: ImageConfig.Execution
    var platform: Platform
    var author: String?
    var history: [ImageConfig.History]
    /// The root file system, lowest first.
    var diffIDs: [Digest]
    /// Where those layers are unpacked.
    var layers: [String]
    /// Over everything so far, configuration included.
    var historyKey: Digest
    /// ARG values that are in scope, in order of declaration.
    var arguments: [Variable] = []
    /// The image that this is, as long as no instruction has followed it.
    var unchanged: Image?
    /// CMD was set in this stage, so that ENTRYPOINT does not drop it.
    var setsCommand = false

    static let defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// An empty root.
    init(scratchFor platform: Platform) {
        config = ImageConfig.Execution()
        self.platform = platform
        history = []
        diffIDs = []
        layers = []
        historyKey = KeyBuilder("scratch").finish()
        addDefaultPath()
    }

    /// An image and the directories of its layers.
    init(_ image: Image, layers: [String]) {
        config = image.config.config ?? ImageConfig.Execution()
        platform = image.config.platform
        author = image.config.author
        history = image.config.history ?? []
        diffIDs = image.config.rootfs.diffIDs
        self.layers = layers
        unchanged = image
        var key = KeyBuilder("image")
        key.add("id", image.id.description)
        historyKey = key.finish()
        addDefaultPath()
    }

    /// What `FROM` this stage starts with: the same but for what belongs to a stage.
    var asBase: StageState {
        var base = self
        base.arguments = []
        base.setsCommand = false
        return base
    }

    private mutating func addDefaultPath() {
        if environmentValue("PATH") == nil { setEnvironment("PATH", Self.defaultPath) }
    }

    // MARK: Variables

    func environmentValue(_ name: String) -> String? {
        config.env?.last { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
    }

    mutating func setEnvironment(_ name: String, _ value: String) {
        var environment = config.env ?? []
        if let index = environment.firstIndex(where: { $0.hasPrefix(name + "=") }) {
            environment[index] = "\(name)=\(value)"
        } else {
            environment.append("\(name)=\(value)")
        }
        config.env = environment
    }

    /// A variable as instructions see it: ENV wins over ARG.
    func variable(_ name: String) -> String? {
        environmentValue(name) ?? arguments.last { $0.name == name }?.value
    }

    mutating func setArgument(_ name: String, _ value: String?) {
        arguments.removeAll { $0.name == name }
        if let value { arguments.append(Variable(name: name, value: value)) }
    }

    /// The ARG values that a step sees: those that no ENV hides.
    var visibleArguments: [String] {
        arguments.filter { environmentValue($0.name) == nil }.map { "\($0.name)=\($0.value)" }
    }

    var workingDirectory: String { config.workingDir.flatMap { $0.isEmpty ? nil : $0 } ?? "/" }
    var shell: [String] { config.shell ?? ["/bin/sh", "-c"] }
    /// Names the root file system.
    var chain: Digest { .chain(diffIDs) }
}

/// A time, the present one by default, as image histories have it.
func timestamp(_ date: Date = Date()) -> String {
    date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
}
