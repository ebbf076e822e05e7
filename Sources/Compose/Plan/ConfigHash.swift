import Crypto
import Errors
import FoundationEssentials

/// Fingerprints of what things are made from; when one differs from a thing's label, the thing is
/// out of date.
enum ConfigHash {
    /// Of a service: everything that its containers are made from, and the content of the secrets and
    /// configs mounted into them. What only steers Compose itself (build, scale, order) is left out.
    static func of(_ service: Service, in project: Project) throws(BerthError) -> String {
        var plain = service
        plain.build = nil
        plain.pullPolicy = nil
        plain.scale = nil
        plain.deploy?.replicas = nil
        plain.dependsOn = [:]
        plain.profiles = []
        plain.develop = nil
        plain.image = service.imageName(project: project.name)
        var tree = plain.render()
        let files =
            service.secrets.compactMap { project.secrets[$0.source] }
            + service.configs.compactMap { project.configs[$0.source] }
        for file in files {
            tree["\(file.key)"] = content(of: file)
        }
        return try digest(tree)
    }

    static func of(_ network: ProjectNetwork) throws(BerthError) -> String { try digest(network.render()) }

    static func of(_ volume: ProjectVolume) throws(BerthError) -> String { try digest(volume.render()) }

    private static func content(of file: ProjectFile) -> Tree {
        switch file.origin {
        // A bind mount shows changes of the file by itself.
        case .file(let path): .string(path)
        case .environment(_, let value): .string(value ?? "")
        case .content(let text): .string(text)
        case .external: .string(file.name)
        }
    }

    private static func digest(_ tree: Tree) throws(BerthError) -> String {
        let bytes = Array(try tree.json(pretty: false).utf8)
        return SHA256.hash(data: bytes).map { byte in
            let hex = String(byte, radix: 16)
            return byte < 16 ? "0" + hex : hex
        }.joined()
    }
}
