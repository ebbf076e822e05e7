import Builder
import EngineAPI
import Errors
import FoundationEssentials
import ImageStore
import Linux
import OCI

extension Engine: ImageBackend {
    // MARK: Looking

    public func listImages(_ options: ImageListOptions) async throws -> [ImageSummary] {
        let images = services.images
        let all = try await blocking { try images.images() }
        let filter = try ImageFilter(options.filters, images: all)
        let counts = Dictionary(grouping: services.board.all(), by: \.record.imageID).mapValues { Int64($0.count) }
        return all.filter(filter.matches).sorted { ($0.created ?? "") > ($1.created ?? "") }.map { image in
            ImageSummary(
                id: image.id.description, repoTags: filter.shown(image.references).map(\.familiar).sorted(),
                repoDigests: filter.shown(image.repositoryDigests).map(\.familiar), created: image.createdSeconds,
                size: image.size,
                sharedSize: -1, labels: image.config.config?.labels ?? [:], containers: counts[image.id] ?? 0)
        }
    }

    public func inspectImage(_ name: String, _ options: ImageInspectOptions) async throws -> ImageInspect {
        let images = services.images
        let (image, layers) = try await blocking {
            let image = try images.image(name)
            return (image, try images.layerPaths(of: image))
        }
        let config = image.config
        return ImageInspect(
            id: image.id.description, repoTags: image.references.map(\.familiar).sorted(),
            repoDigests: image.repositoryDigests.map(\.familiar), comment: config.history?.last?.comment ?? "",
            created: config.created ?? "", author: config.author ?? "",
            config: config.config.map(ImageExecutionConfig.init), architecture: config.architecture,
            variant: config.variant ?? "", os: config.os, size: image.size,
            graphDriver: GraphDriver(
                data: ["LowerDir": layers.reversed().joined(separator: ":")], name: "overlay2"),
            rootFS: RootFS(type: "layers", layers: config.rootfs.diffIDs.map(\.description)),
            metadata: ImageMetadata(lastTagTime: image.lastNamed == 0 ? "" : Clock.rfc3339(image.lastNamed)))
    }

    public func imageHistory(_ name: String, platform: OCIPlatform?) async throws -> [ImageHistoryItem] {
        let images = services.images
        let (image, sizes) = try await blocking {
            let image = try images.image(name)
            return (image, try image.config.rootfs.diffIDs.map { try images.layer($0)?.size ?? 0 })
        }
        var layer = 0
        var items: [ImageHistoryItem] = []
        for step in image.config.history ?? [] {
            var size: Int64 = 0
            if step.emptyLayer != true, layer < sizes.count {
                size = sizes[layer]
                layer += 1
            }
            items.append(
                ImageHistoryItem(
                    id: "<missing>", created: step.created.flatMap(Time.seconds) ?? 0, createdBy: step.createdBy ?? "",
                    tags: nil, size: size, comment: step.comment ?? ""))
        }
        items.reverse()
        if !items.isEmpty {
            items[0].id = image.id.description
            items[0].tags = image.references.isEmpty ? nil : image.references.map(\.familiar).sorted()
        }
        return items
    }

    // MARK: Names

    public func tagImage(_ name: String, _ options: ImageTagOptions) async throws {
        let reference = try Reference.parsing(options.repo ?? "", tag: options.tag)
        let images = services.images
        let image = try await blocking {
            let image = try images.image(name)
            try images.tag(image, as: reference)
            return image
        }
        tellImage("tag", image.id.description, name: reference.familiar)
    }

    public func removeImage(_ name: String, _ options: ImageRemoveOptions) async throws -> [ImageDeleteResponse] {
        let images = services.images
        let board = services.board
        let removals = try await blocking {
            try images.remove(
                name, force: options.force, noPrune: options.noprune,
                usedBy: { id in board.all().filter { $0.record.images.contains(id) }.map(\.record.id) },
                runs: { board[$0]?.phase.run != nil })
        }
        return responses(removals)
    }

    private func responses(_ removals: [Removal]) -> [ImageDeleteResponse] {
        removals.map { removal in
            switch removal {
            case .untagged(let name):
                tellImage("untag", name, name: name)
                return ImageDeleteResponse(untagged: name)
            case .deleted(let digest):
                tellImage("delete", digest.description, name: digest.description)
                return ImageDeleteResponse(deleted: digest.description)
            }
        }
    }

    public func pruneImages(_ filters: Filters) async throws -> ImagePruneReport {
        try filters.validate(["dangling", "until", "label", "label!"])
        let all = try filters.bool("dangling") == false
        let images = services.images
        let board = services.board
        let (removals, reclaimed) = try await blocking {
            try images.prune(
                all: all, usedBy: { id in board.all().filter { $0.record.images.contains(id) }.map(\.record.id) },
                matching: { image in
                    (try? filters.allowsPruning(
                        labels: image.config.config?.labels ?? [:], created: image.createdSeconds * 1_000_000_000))
                        == true
                })
        }
        let deleted = responses(removals)
        services.events.publishPrune("image", reclaimed: UInt64(max(0, reclaimed)))
        return ImagePruneReport(imagesDeleted: deleted, spaceReclaimed: UInt64(max(0, reclaimed)))
    }

    func tellImage(_ action: String, _ id: String, name: String) {
        services.events.publish("image", action, id: id, attributes: ["name": name])
    }

    // MARK: Files

    public func loadImages(_ options: ImageLoadOptions, body: RequestBody, progress: any ProgressSink) async throws {
        let (reports, continuation) = AsyncStream.makeStream(
            of: LoadProgress.self, bufferingPolicy: .bufferingNewest(64))
        let images = services.images
        async let telling: Void = {
            for await report in reports where !options.quiet {
                try? await progress.send(
                    ProgressMessage(
                        status: "Loading layer",
                        progressDetail: ProgressDetail(current: report.current, total: report.total), id: report.name))
            }
        }()
        let loaded = try await BodyPipe.feed(body) { file in
            defer { continuation.finish() }
            return try images.load(from: file) { continuation.yield($0) }
        }
        await telling
        for item in loaded {
            for move in item.moved {
                try await progress.send(
                    ProgressMessage(
                        stream:
                            "The image \(move.reference.familiar) already exists, renaming the old one with ID \(move.previous) to empty string\n"
                    ))
            }
            if item.references.isEmpty {
                try await progress.send(ProgressMessage(stream: "Loaded image ID: \(item.image.id)\n"))
            }
            for reference in item.references {
                try await progress.send(ProgressMessage(stream: "Loaded image: \(reference.familiar)\n"))
            }
            tellImage(
                "load", item.image.id.description, name: item.references.first?.familiar ?? item.image.id.description)
        }
    }

    public func saveImages(_ names: [String], platforms: [OCIPlatform]) async throws -> StreamedOutput {
        let images = services.images
        for name in names {
            let image = try await blocking { try images.image(name) }
            tellImage("save", image.id.description, name: name)
        }
        return StreamedOutput(mediaType: "application/x-tar") { sink in
            try await BodyPipe.drain(to: sink) { file in try images.save(names, to: file) }
        }
    }

    public func importImage(
        _ options: ImageImportOptions, body: RequestBody, progress: any ProgressSink
    ) async throws {
        guard options.fromSrc == "-" else {
            throw BerthError(.unimplemented, "importing from a URL is not offered: download the file and import it")
        }
        let reference = try options.repo.flatMap { $0.isEmpty ? nil : $0 }.map {
            try Reference.parsing($0, tag: options.tag)
        }
        let changes = try ConfigurationChange.apply(options.changes, to: ImageConfig.Execution())
        let images = services.images
        let image = try await BodyPipe.feed(body) { file in
            try images.importRootFS(from: file, reference: reference, config: changes, message: options.message)
        }
        try await progress.send(ProgressMessage(status: image.id.description))
        tellImage("import", image.id.description, name: reference?.familiar ?? image.id.description)
    }
}

extension Image {
    var createdSeconds: Int64 { created.flatMap(Time.seconds) ?? 0 }

    /// Throws when the image is for another platform than the one asked for.
    func check(_ wanted: String) throws {
        let parts = wanted.split(separator: "/").map(String.init)
        guard parts.count >= 2, parts[0] == config.os, parts[1] == config.architecture else {
            throw BerthError.notFound(
                "image with reference \(references.first?.familiar ?? id.short) was found but does not match the specified platform: "
                    + "wanted \(wanted), actual: \(platform)")
        }
    }
}

/// Times as image configurations have them.
enum Time {
    /// Seconds since 1970 of an RFC 3339 time.
    static func seconds(_ text: String) -> Int64? {
        let whole = text.prefix(19)
        let zone = text.dropFirst(19).drop { $0 == "." || $0.isNumber }
        guard let date = try? Date(String(whole) + (zone.isEmpty ? "Z" : zone), strategy: .iso8601) else { return nil }
        return Int64(date.timeIntervalSince1970)
    }
}

extension Reference {
    /// A repository with a tag that came apart on the wire.
    static func parsing(_ repository: String, tag: String?) throws -> Reference {
        guard let tag, !tag.isEmpty else { return try Reference(repository) }
        return try Reference(repository + (tag.contains(":") ? "@" : ":") + tag)
    }
}

extension ImageExecutionConfig {
    init(_ config: ImageConfig.Execution) {
        self.init()
        user = config.user ?? ""
        exposedPorts = config.exposedPorts.map { Set($0.keys) }
        env = config.env
        entrypoint = config.entrypoint ?? []
        cmd = config.cmd ?? []
        volumes = config.volumes.map { Set($0.keys) }
        workingDir = config.workingDir ?? ""
        labels = config.labels
        stopSignal = config.stopSignal ?? ""
        onBuild = config.onBuild
        shell = config.shell
        healthcheck = config.healthcheck.map {
            HealthConfig(
                test: $0.test, interval: $0.interval ?? 0, timeout: $0.timeout ?? 0, startPeriod: $0.startPeriod ?? 0,
                startInterval: $0.startInterval ?? 0, retries: $0.retries ?? 0)
        }
    }
}
