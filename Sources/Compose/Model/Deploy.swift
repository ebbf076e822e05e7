import Errors
import OrderedCollections

/// The part of the Compose deploy specification that means something on one host.
public struct Deploy: Sendable {
    public enum Mode: String, Sendable { case replicated, global }

    /// Limits or reservations. Bytes and processors.
    public struct Amounts: Sendable {
        public var cpus: Double?
        public var memory: Int64?
        public var pids: Int?
        public var devices: [DeviceReservation] = []
    }

    public struct RestartPolicy: Sendable {
        /// `none`, `on-failure` or `any`.
        public var condition: String?
        public var delay: Duration?
        public var maxAttempts: Int?
        public var window: Duration?
    }

    public var mode: Mode?
    public var replicas: Int?
    public var labels: OrderedDictionary<String, String> = [:]
    public var endpointMode: String?
    public var limits: Amounts?
    public var reservations: Amounts?
    public var restartPolicy: RestartPolicy?
    /// Understood by orchestrators; kept for `config`.
    var kept: OrderedTree = [:]

    static func decode(_ tree: Tree, _ path: String) throws(BerthError) -> Deploy {
        var fields = try Fields(tree, path)
        var deploy = Deploy()
        if let word = try fields.string("mode") {
            // The job modes of a swarm run each task once; on one host they are what the base mode is.
            let base = word.hasSuffix("-job") ? String(word.dropLast(4)) : word
            guard let mode = Mode(rawValue: base) else {
                throw tree.invalid("\(path).mode must be replicated or global, not \"\(word)\"")
            }
            deploy.mode = mode
        }
        deploy.replicas = try fields.int("replicas")
        deploy.labels = try fields.labels("labels") ?? [:]
        deploy.endpointMode = try fields.string("endpoint_mode")
        if let resources = fields.value("resources") {
            var inner = try Fields(resources, "\(path).resources")
            deploy.limits = try inner.read("limits", decodeAmounts)
            deploy.reservations = try inner.read("reservations", decodeAmounts)
            try inner.finish()
        }
        deploy.restartPolicy = try fields.read("restart_policy", decodeRestart)
        for key in ["placement", "update_config", "rollback_config"] {
            if let value = fields.value(key) { deploy.kept[key] = value }
        }
        try fields.finish()
        return deploy
    }

    private static func decodeAmounts(_ tree: Tree, _ path: String) throws(BerthError) -> Amounts {
        var fields = try Fields(tree, path)
        let amounts = Amounts(
            cpus: try fields.double("cpus"), memory: try fields.bytes("memory"), pids: try fields.int("pids"),
            devices: try fields.each("devices", DeviceReservation.decode) ?? [])
        _ = fields.value("generic_resources")
        try fields.finish()
        return amounts
    }

    private static func decodeRestart(_ tree: Tree, _ path: String) throws(BerthError) -> RestartPolicy {
        var fields = try Fields(tree, path)
        let policy = RestartPolicy(
            condition: try fields.string("condition"), delay: try fields.duration("delay"),
            maxAttempts: try fields.int("max_attempts"), window: try fields.duration("window"))
        try fields.finish()
        if let condition = policy.condition, !["none", "on-failure", "any"].contains(condition) {
            throw tree.invalid("\(path).condition must be none, on-failure or any, not \"\(condition)\"")
        }
        return policy
    }

    func render() -> Tree {
        var result: OrderedTree = [:]
        result.set("mode", mode?.rawValue)
        result.set("replicas", replicas)
        result.set("labels", labels)
        result.set("endpoint_mode", endpointMode)
        var resources: OrderedTree = [:]
        if let limits { resources["limits"] = render(limits) }
        if let reservations { resources["reservations"] = render(reservations) }
        result.set("resources", nonEmpty: .map(resources))
        if let restartPolicy {
            var policy: OrderedTree = [:]
            policy.set("condition", restartPolicy.condition)
            policy.set("delay", restartPolicy.delay)
            policy.set("max_attempts", restartPolicy.maxAttempts)
            policy.set("window", restartPolicy.window)
            result["restart_policy"] = .map(policy)
        }
        for (key, value) in kept { result[key] = value }
        return .map(result)
    }

    private func render(_ amounts: Amounts) -> Tree {
        var result: OrderedTree = [:]
        result.set("cpus", amounts.cpus)
        result.set(bytes: "memory", amounts.memory)
        result.set("pids", amounts.pids)
        result.set("devices", nonEmpty: .list(amounts.devices.map { $0.render() }))
        return .map(result)
    }
}
