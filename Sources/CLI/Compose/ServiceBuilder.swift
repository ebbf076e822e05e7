import Archive
import Client
import Compose
import EngineAPI
import Errors
import Linux

/// Builds services' images as `berth build` would.
struct ServiceBuilder: ImageBuilder {
    let session: Session
    let display: any BuildDisplay

    func build(_ request: ImageBuildRequest) async throws {
        guard request.secrets.isEmpty else {
            throw BerthError(
                .unimplemented, "service \"\(request.service)\": build secrets are not supported by this builder yet")
        }
        var options = BuildOptions()
        options.tags = request.tags
        options.labels = request.labels
        options.buildArgs = request.arguments.mapValues { .some($0) }
        options.target = request.build.target
        options.noCache = request.noCache
        options.pull = request.pull
        options.networkMode = request.build.network
        options.extraHosts = request.build.extraHosts.map(\.description)
        options.platform = request.platform
        options.shmSize = request.build.shmSize
        options.cacheFrom = request.build.cacheFrom
        options.caBundle = session.environment["BERTH_CA_BUNDLE"] == "1"

        let sent = SizeCounter()
        let entries = ContextEntries()
        let body: EngineRequest.Body
        if request.build.isRemote {
            options.remote = request.build.context
            options.dockerfile = request.build.dockerfile
            body = .empty
        } else {
            let source = try context(of: request.build)
            options.dockerfile = source.dockerfile
            body = source.body(entries) { sent.add($0) }
        }
        _ = try await BuildRun(
            display: display, sent: sent, entries: entries, credentials: try RegistryCredentials(session).all
        )
        .perform(options, body, session.client, name: request.service)
    }

    private func context(of build: Build) throws -> BuildContextSource {
        let working = WorkingFolder(path: build.context, home: session.workingFolder.home)
        if let text = build.dockerfileInline {
            return try BuildContextSource(context: build.context, inlineDockerfile: text, in: working)
        }
        return try BuildContextSource(context: build.context, dockerfile: build.dockerfile, in: working)
    }
}
