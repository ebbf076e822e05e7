/// Names for containers that were given none: `brave_harbor`.
enum RandomName {
    private static let first = [
        "amber", "ample", "azure", "bold", "brave", "bright", "brisk", "calm", "candid", "clear", "clever", "cosy",
        "crisp", "daring", "deep", "eager", "early", "fair", "fleet", "fond", "frank", "fresh", "gentle", "glad",
        "golden", "grand", "handy", "happy", "hardy", "honest", "jolly", "keen", "kind", "light", "lively", "loyal",
        "lucid", "lucky", "mellow", "merry", "mild", "neat", "noble", "patient", "plucky", "proud", "quick", "quiet",
        "ready", "robust", "rosy", "sharp", "silver", "smart", "snug", "solid", "steady", "sunny", "swift", "tidy",
        "trusty", "vivid", "warm", "wise", "witty", "zesty",
    ]
    private static let second = [
        "anchor", "barge", "beacon", "bollard", "bow", "breeze", "brig", "buoy", "cabin", "canal", "capstan", "cargo",
        "clipper", "coast", "compass", "coral", "cove", "crane", "current", "cutter", "deck", "delta", "dinghy",
        "dock", "dolphin", "ferry", "fjord", "galley", "gull", "harbor", "heron", "hull", "island", "jetty", "keel",
        "ketch", "lagoon", "lantern", "ledge", "lighthouse", "lock", "mast", "mooring", "oar", "osprey", "otter",
        "pelican", "pier", "pilot", "port", "quay", "reef", "rudder", "sail", "schooner", "seal", "shoal", "sloop",
        "sound", "spar", "strait", "tern", "tide", "tiller", "trawler", "tug", "wave", "wharf", "yawl",
    ]

    static func make() -> String {
        "\(first.randomElement() ?? "brave")_\(second.randomElement() ?? "harbor")"
            + (Bool.random() ? "" : "\(Int.random(in: 0...9))")
    }
}
