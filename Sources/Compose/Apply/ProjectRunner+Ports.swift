import EngineAPI
import Errors

extension ProjectRunner {
    /// Checks that the fixed host ports of services are free, or held by containers of the project
    /// that keep or give up the port.
    ///
    /// - Throws: `conflict` with Docker's text, the holder if it can be found, and the next free port.
    func checkHostPorts(of services: [Service]) async throws {
        let wanted = services.flatMap { service in
            service.ports.compactMap { port in HostPort(port).map { (service: service, port: $0) } }
        }
        guard !wanted.isEmpty else { return }

        let holders = try await engine.containers(labels: []).filter { $0.state == "running" || $0.state == "paused" }
        let listeners = locality == .local ? ListeningSockets.read() : ListeningSockets()
        for (service, port) in wanted {
            if let holder = holders.first(where: { $0.holds(port) }) {
                // The project's own container keeps the port, or is gone before the new one starts.
                let maker = Labels.project(of: holder.labels)
                if maker == project.name { continue }
                let name = String((holder.names.first ?? holder.id).drop { $0 == "/" })
                let owner = maker.map { " of project \"\($0)\"" } ?? ""
                throw taken(port, by: "container \(name)\(owner)", service, listeners, holders)
            }
            if let socket = listeners.holder(of: port) {
                throw taken(port, by: ProcessOwner.describe(inode: socket), service, listeners, holders)
            }
        }
    }

    private func taken(
        _ port: HostPort, by owner: String?, _ service: Service, _ listeners: ListeningSockets,
        _ holders: [ContainerSummary]
    ) -> BerthError {
        let next = (port.number + 1...max(port.number + 1, min(port.number + 200, 65535))).first { number in
            var other = port
            other.number = number
            return listeners.holder(of: other) == nil && !holders.contains { $0.holds(other) }
        }
        let remedy = "stop it" + (next.map { ", or publish another port such as \($0)" } ?? "")
        let holder = owner.map { "held by \($0): \(remedy)" } ?? "held by another process: \(remedy)"
        return .conflict(
            "Bind for \(port.address ?? "0.0.0.0"):\(port.number) failed: port is already allocated: "
                + "service \"\(service.name)\" needs it, but it is \(holder)")
    }
}

extension ContainerSummary {
    fileprivate func holds(_ port: HostPort) -> Bool {
        ports.contains { own in
            guard let number = own.publicPort else { return false }
            return HostPort(address: own.ip, number: Int(number), proto: own.type).collides(with: port)
        }
    }
}
