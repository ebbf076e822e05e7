import Client
import EngineAPI
import Errors

/// Which shells a container has: what somebody who asked for one that is missing wants to know.
enum Shells {
    private static let names: Set<String> = [
        "sh", "bash", "ash", "dash", "zsh", "fish", "ksh", "csh", "tcsh", "powershell", "pwsh", "cmd", "cmd.exe",
    ]

    private static let usualPaths = [
        "/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh", "/bin/ash", "/bin/dash", "/bin/zsh", "/usr/bin/zsh",
        "/usr/bin/fish", "/bin/ksh", "/busybox/sh",
    ]

    /// - Parameters:
    ///   - program: what could not be started.
    ///   - image: what the container was made from, for a container that removed itself at once.
    /// - Returns: a sentence; nil when that was no shell, or the container cannot be looked into.
    static func advice(
        insteadOf program: String, in container: String, of image: String? = nil, _ client: EngineClient
    ) async -> String? {
        let name = program.split(separator: "/").last.map(String.init) ?? program
        guard names.contains(name) else { return nil }
        var found = await found(in: container, client)
        if found == nil, let image { found = await self.found(inImage: image, client) }
        // It is there: what failed is something that it was told to run.
        guard let found, !found.contains(where: { $0 == program || $0.hasSuffix("/\(program)") }) else { return nil }
        guard !found.isEmpty else {
            return "There is no shell in this container (it may be made from scratch): only its own program can be run."
        }
        return "There is no \(program) in this container, but there is \(found.joined(separator: ", "))."
    }

    /// The answer to a look at a path has no text that tells a missing container from a missing file.
    private static func canBeLookedInto(_ container: String, _ client: EngineClient) async -> Bool {
        let state = try? await client.inspectContainer(container).state
        return state.map { $0.status != "removing" } ?? false
    }

    /// Nil when the container cannot be looked into.
    private static func found(in container: String, _ client: EngineClient) async -> [String]? {
        guard await canBeLookedInto(container, client) else { return nil }
        let found = await withTaskGroup(of: (String, Bool?).self) { group -> [String]? in
            for path in usualPaths {
                group.addTask {
                    do {
                        let stat = try await client.statPath(path, in: container)
                        return (path, !stat.isDirectory)
                    } catch let error as BerthError where error.code == .notFound {
                        return (path, false)
                    } catch {
                        return (path, nil)
                    }
                }
            }
            var states: [String: Bool] = [:]
            for await (path, exists) in group { states[path] = exists }
            guard !states.isEmpty else { return nil }
            // `/usr/bin/bash` is the same file as `/bin/bash` where `/bin` is a link.
            var names: Set<String> = []
            return usualPaths.filter { path in
                states[path] ?? false && names.insert(String(path.split(separator: "/").last ?? "")).inserted
            }
        }
        // It may have been removed meanwhile, piece by piece.
        return await canBeLookedInto(container, client) ? found : nil
    }

    /// Looks into a container that is made for the purpose and never started.
    private static func found(inImage image: String, _ client: EngineClient) async -> [String]? {
        let request = ContainerCreateRequest(config: ContainerConfig(cmd: ["true"], image: image))
        guard let created = try? await client.createContainer(request) else { return nil }
        let found = await found(in: created.id, client)
        try? await client.removeContainer(created.id, volumes: true, force: true)
        return found
    }
}
