import EngineAPI

/// The filters of `docker events`: values of one filter are alternatives, filters add up.
struct EventFilter: Sendable {
    private let filters: Filters

    init(_ filters: Filters) { self.filters = filters }

    func matches(_ message: EventMessage) -> Bool {
        matchesAction(message.action) && any("type") { $0 == message.type } && any("scope") { $0 == message.scope }
            && ["container", "network", "volume", "plugin", "daemon", "node", "service", "secret", "config"]
                .allSatisfy { isAbout($0, message) }
            && matchesImage(message) && filters.matchesLabels(message.actor.attributes)
    }

    private func any(_ name: String, _ test: (String) -> Bool) -> Bool {
        !filters.contains(name) || filters[name].contains(where: test)
    }

    /// `exec_create: sh` and its like are found by what stands before the colon as well.
    private func matchesAction(_ action: String) -> Bool {
        let bare = action.split(separator: ":").first.map(String.init) ?? action
        return any("event") { $0 == action || $0 == bare }
    }

    /// By the ID or the name of what the event is about, or by how they begin.
    private func isAbout(_ type: String, _ message: EventMessage) -> Bool {
        any(type) { wanted in
            message.type == type
                && (message.actor.id.hasPrefix(wanted)
                    || message.actor.attributes["name"]?.hasPrefix(wanted) == true)
        }
    }

    /// An image's own events, and those of containers made from it; with or without the tag.
    private func matchesImage(_ message: EventMessage) -> Bool {
        guard filters.contains("image") else { return true }
        let isImage = message.type == "image"
        let name = message.actor.attributes[isImage ? "name" : "image"] ?? ""
        let names = [message.actor.id, name, Self.withoutTag(name)]
        return filters["image"].contains { names.contains($0) }
    }

    private static func withoutTag(_ name: String) -> String {
        guard let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") else { return name }
        return String(name[..<colon])
    }
}
