import Errors
import FoundationEssentials

/// Checks that need no engine, made before anything is started.
struct Preflight: Sendable {
    let project: Project
    let locality: ProjectRunner.Locality

    /// Checks that the sources of bind mounts, secrets and configs are there.
    ///
    /// Docker makes a folder of a missing source, which for a file is never what was meant. So a
    /// source that looks like a file must be there, unless `create_host_path: true` says otherwise.
    func checkSources(of services: [Service]) throws(BerthError) {
        guard locality == .local else { return }
        for service in services {
            for mount in service.volumes where mount.kind == .bind {
                guard let source = mount.source, FilePath.kind(of: source) == .missing else { continue }
                switch mount.missingSource {
                case .create: continue
                case .createUnlessFile where !Self.looksLikeFile(source) && !Self.looksLikeFile(mount.target): continue
                case .createUnlessFile, .fail:
                    throw Tree(.null, at: mount.location).notFound(
                        "service \"\(service.name)\" mounts \(source) at \(mount.target), but it does not exist: "
                            + "create \(source), or correct the path under services.\(service.name).volumes")
                }
            }
            for (kind, references, files) in [
                ("secret", service.secrets, project.secrets), ("config", service.configs, project.configs),
            ] {
                for reference in references {
                    guard case .file(let path)? = files[reference.source]?.origin, FilePath.kind(of: path) == .missing
                    else { continue }
                    throw Tree(.null, at: reference.location).notFound(
                        "service \"\(service.name)\" uses \(kind) \"\(reference.source)\", whose file \(path) does not "
                            + "exist: create it, or correct `file` of the \(kind)")
                }
            }
        }
    }

    /// Whether the last component of a path has an extension or starts with a dot.
    static func looksLikeFile(_ path: String) -> Bool { FilePath.name(of: path).contains(".") }

    /// Makes the folders that bind mounts start from, as Docker does, with the permissions of the user.
    func makeSources(of services: [Service]) throws(BerthError) {
        guard locality == .local else { return }
        for service in services {
            for mount in service.volumes where mount.kind == .bind && mount.missingSource != .fail {
                guard let source = mount.source, FilePath.kind(of: source) == .missing else { continue }
                do {
                    try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
                } catch {
                    throw Tree(.null, at: mount.location).error(
                        "service \"\(service.name)\": cannot create folder \(source) for \(mount.target): \(error)")
                }
            }
        }
    }

    /// Checks that no two containers of the project want the same host port.
    func checkPortsAmong(_ services: [Service], scale: [String: Int]) throws(BerthError) {
        var taken: [(port: HostPort, service: String)] = []
        for service in services {
            let count = scale[service.name] ?? service.replicas
            guard count > 0 else { continue }
            for port in service.ports {
                guard let wanted = HostPort(port) else { continue }
                if let other = taken.first(where: { $0.port.collides(with: wanted) }) {
                    let remedy = "publish one of them on another host port"
                    let who =
                        other.service == service.name
                        ? "service \"\(service.name)\" publishes it twice"
                        : "services \"\(other.service)\" and \"\(service.name)\" both publish it"
                    throw .conflict("port \(wanted) is wanted twice: \(who); \(remedy)")
                }
                if count > 1 {
                    throw .conflict(
                        "port \(wanted) is wanted \(count) times: service \"\(service.name)\" has \(count) containers; "
                            + "publish a range such as \(wanted.number)-\(wanted.number + count - 1):\(port.target), "
                            + "or leave out the host port")
                }
                taken.append((wanted, service.name))
            }
        }
    }
}

/// One fixed port of the host.
struct HostPort: Hashable, CustomStringConvertible {
    /// Nil is every address.
    var address: String?
    var number: Int
    var proto: String

    init(address: String?, number: Int, proto: String) {
        self.address = ["0.0.0.0", "::", ""].contains(address ?? "") ? nil : address
        self.number = number
        self.proto = proto
    }

    /// Nil when the engine may choose the port.
    init?(_ port: PublishedPort) {
        guard let range = port.publishedRange, range.count == 1, range.lowerBound > 0 else { return nil }
        self.init(address: port.hostIP, number: range.lowerBound, proto: port.proto)
    }

    func collides(with other: HostPort) -> Bool {
        number == other.number && proto == other.proto
            && (address == nil || other.address == nil || address == other.address)
    }

    var description: String { "\(address ?? "0.0.0.0"):\(number)/\(proto)" }
}
