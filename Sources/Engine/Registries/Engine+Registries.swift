import Distribution
import EngineAPI
import Errors
import FoundationEssentials
import ImageStore
import Linux
import OCI

extension Engine {
    // MARK: Pull

    public func pullImage(_ options: ImagePullOptions, auth: AuthConfig?, progress: any ProgressSink) async throws {
        let platform = try options.platform.flatMap { $0.isEmpty ? nil : try Platform(parsing: $0) }
        let named = try Reference.parsing(options.fromImage, tag: options.tag)
        let repository = services.registries.repository(named, auth?.credentials)
        var references = [named]
        if options.tag?.isEmpty ?? true, !Reference.hasTagOrDigest(options.fromImage) {
            references = try await repository.tags().map {
                Reference(registry: named.registry, repository: named.repository, tag: $0, digest: nil)
            }
        }
        let report = TransferReport(progress)
        do {
            for reference in references {
                let job = PullJob(
                    services: services, repository: repository, reference: reference, platform: platform,
                    report: report)
                let outcome = try await job.run()
                report.send("Digest: \(outcome.digest)")
                report.send(
                    outcome.isNew
                        ? "Status: Downloaded newer image for \(reference.familiar)"
                        : "Status: Image is up to date for \(reference.familiar)")
                tellImage("pull", reference.familiar, name: reference.familiarName)
            }
            await report.finish()
        } catch {
            await report.finish()
            throw error
        }
    }

    // MARK: Push

    public func pushImage(
        _ name: String, _ options: ImagePushOptions, auth: AuthConfig?, progress: any ProgressSink
    ) async throws {
        let named = try Reference.parsing(name, tag: options.tag)
        guard named.digest == nil else {
            throw BerthError.invalidArgument("cannot push a digest reference")
        }
        let repository = services.registries.repository(named, auth?.credentials)
        let references = try await tagsToPush(named, options.tag?.isEmpty ?? true && !Reference.hasTagOrDigest(name))
        let report = TransferReport(progress)
        do {
            report.send("The push refers to repository [\(named.registry)/\(named.repository)]")
            for reference in references {
                let outcome = try await PushJob(
                    services: services, repository: repository, reference: reference, report: report
                ).run()
                let tag = reference.tag ?? ""
                report.send("\(tag): digest: \(outcome.digest) size: \(outcome.size)")
                report.tell(
                    ProgressMessage(
                        progressDetail: ProgressDetail(),
                        aux: ProgressAux(tag: tag, digest: "\(outcome.digest)", size: Int64(outcome.size))))
                tellImage("push", reference.familiar, name: reference.familiarName)
            }
            await report.finish()
        } catch {
            await report.finish()
            throw error
        }
    }

    /// What a push is to send. That it is there is found out before anything is said.
    private func tagsToPush(_ named: Reference, _ all: Bool) async throws -> [Reference] {
        let images = services.images
        let references = try await blocking {
            try images.images().flatMap(\.references).filter {
                $0.registry == named.registry && $0.repository == named.repository && (all || $0.tag == named.tag)
            }
        }
        guard !references.isEmpty else {
            throw BerthError.notFound("An image does not exist locally with the tag: \(named.familiarName)")
        }
        return references
    }

    // MARK: Asking

    public func authenticate(_ auth: AuthConfig) async throws -> AuthResponse {
        let address = auth.serverAddress.isEmpty ? "docker.io" : auth.serverAddress
        guard let credentials = auth.credentials else {
            throw BerthError.invalidArgument("credentials for \(address) have neither a user name nor a token")
        }
        let token = try await services.registries.logIn(to: address, credentials)
        return AuthResponse(status: "Login Succeeded", identityToken: token ?? "")
    }

    public func searchImages(_ options: ImageSearchOptions) async throws -> [ImageSearchResult] {
        try options.filters.validate(["is-official", "is-automated", "stars"])
        let official = try options.filters.bool("is-official")
        let automated = try options.filters.bool("is-automated")
        let stars = options.filters["stars"].compactMap(Int.init).max() ?? 0
        return try await services.registries.search(options.term, limit: options.limit ?? 25, nil)
            .filter { (official == nil || official == $0.isOfficial) && automated != true && $0.stars >= stars }
            .map {
                ImageSearchResult(
                    starCount: $0.stars, isOfficial: $0.isOfficial, name: $0.name, description: $0.description)
            }
    }

    public func inspectDistribution(_ name: String, auth: AuthConfig?) async throws -> DistributionInspect {
        let reference = try Reference(name)
        let repository = services.registries.repository(reference, auth?.credentials)
        let manifest = try await repository.manifest(
            reference.digest?.description ?? reference.tag ?? Reference.defaultTag)
        var platforms: [Platform]
        if manifest.isIndex {
            platforms = try JSONDecoder().decode(Index.self, from: Data(manifest.bytes)).manifests
                .compactMap(\.platform)
        } else {
            let parts = try JSONDecoder().decode(Manifest.self, from: Data(manifest.bytes))
            var bytes: [UInt8] = []
            for try await chunk in try await repository.blob(parts.config.digest).bytes {
                bytes += chunk.readableBytesView
            }
            platforms = [try JSONDecoder().decode(ImageConfig.self, from: Data(bytes)).platform]
        }
        return DistributionInspect(
            descriptor: OCIDescriptor(
                mediaType: manifest.mediaType, digest: "\(manifest.digest)", size: Int64(manifest.bytes.count)),
            platforms: platforms.map {
                OCIPlatform(architecture: $0.architecture, os: $0.os, variant: $0.variant ?? "")
            })
    }
}

extension Reference {
    /// Whether a name says which image of its repository it means.
    static func hasTagOrDigest(_ text: String) -> Bool {
        text.contains("@") || Files.lastComponent(of: text).contains(":")
    }
}

extension AuthConfig {
    /// The credentials for a registry among those that a client sent, whose keys are hosts or, for
    /// Docker Hub and old clients, addresses.
    static func matching(_ registry: String, in all: [String: AuthConfig]) -> AuthConfig? {
        func host(_ key: String) -> String {
            let rest = key.firstRange(of: "://").map { key[$0.upperBound...] } ?? key[...]
            let host = rest.split(separator: "/").first.map(String.init) ?? key
            return ["index.docker.io", "registry-1.docker.io"].contains(host) ? "docker.io" : host
        }
        return all[registry] ?? all.first { host($0.key) == registry }?.value
    }

    /// What there is to show a registry; nil is nothing.
    var credentials: RegistryCredentials? {
        if !registryToken.isEmpty { return .registryToken(registryToken) }
        if !identityToken.isEmpty { return .identityToken(user: username, token: identityToken) }
        if username.isEmpty, let data = Data(base64Encoded: auth) {
            let pair = String(decoding: data, as: UTF8.self)
            guard let colon = pair.firstIndex(of: ":"), colon != pair.startIndex else { return nil }
            return .password(
                user: String(pair[..<colon]), password: String(pair[pair.index(after: colon)...]))
        }
        return username.isEmpty ? nil : .password(user: username, password: password)
    }
}
