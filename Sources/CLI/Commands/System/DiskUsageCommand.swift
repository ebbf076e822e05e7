import EngineAPI
import Errors

/// `berth system df`.
struct DiskUsageCommand: Command {
    static let syntax = CommandSyntax("[OPTIONS]", "Show what uses the disk", .none)
    static let flags: [Flag<DiskUsageCommand>] = [
        .string(\.format, "format", nil, "What to print: 'table', 'json' or a Go template"),
        .bool(\.verbose, "verbose", "v", "One line for each image, container, volume and cache record"),
    ]

    var format: String?
    var verbose = false
    var arguments: [String] = []

    func run(in session: Session) async throws {
        let usage = try await session.client.diskUsage()
        if verbose, format == nil {
            Console.write(try DiskUsageReport(usage).details(now: Human.now()))
            return
        }
        let format = try ListFormat(
            format, standard: "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}")
        Console.write(
            try format.render(
                DiskUsageReport(usage).rows,
                headings: .row([
                    "Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE",
                    "Reclaimable": "RECLAIMABLE",
                ])))
    }
}

/// What uses the disk, and how much of it a prune would give back.
struct DiskUsageReport {
    private let usage: DiskUsage

    init(_ usage: DiskUsage) { self.usage = usage }

    var rows: [TemplateValue] {
        let idleImages = usage.images.filter { $0.containers <= 0 }
        let idleImageBytes = idleImages.reduce(Int64(0)) { $0 + $1.size - max(0, $1.sharedSize) }
        let running = usage.containers.filter { ["running", "paused", "restarting"].contains($0.state) }
        let containerBytes = usage.containers.reduce(Int64(0)) { $0 + ($1.sizeRw ?? 0) }
        let runningBytes = running.reduce(Int64(0)) { $0 + ($1.sizeRw ?? 0) }
        let volumeBytes = usage.volumes.reduce(Int64(0)) { $0 + max(0, $1.usageData?.size ?? 0) }
        let usedVolumes = usage.volumes.filter { ($0.usageData?.refCount ?? 0) > 0 }
        let usedVolumeBytes = usedVolumes.reduce(Int64(0)) { $0 + max(0, $1.usageData?.size ?? 0) }
        let cacheBytes = ownCacheBytes(usage.buildCache)
        let usedCache = usage.buildCache.filter(\.inUse)
        return [
            row("Images", usage.images.count, usage.images.count - idleImages.count, usage.layersSize, idleImageBytes),
            row("Containers", usage.containers.count, running.count, containerBytes, containerBytes - runningBytes),
            row("Local Volumes", usage.volumes.count, usedVolumes.count, volumeBytes, volumeBytes - usedVolumeBytes),
            row(
                "Build Cache", usage.buildCache.count, usedCache.count, cacheBytes,
                cacheBytes - ownCacheBytes(usedCache)),
        ]
    }

    /// What images have too is theirs: it stays when the cache goes.
    private func ownCacheBytes(_ records: [BuildCacheRecord]) -> Int64 {
        records.reduce(0) { $0 + ($1.shared ? 0 : $1.size) }
    }

    private func row(_ type: String, _ total: Int, _ active: Int, _ size: Int64, _ reclaimable: Int64) -> TemplateValue
    {
        let free = min(max(0, reclaimable), size)
        // Docker gives no share of the cache, which scripts that cut it off count on.
        let share = size > 0 && type != "Build Cache" ? " (\(free * 100 / size)%)" : ""
        return .row([
            "Active": .string(String(active)),
            "Reclaimable": .string(Human.size(free) + share),
            "Size": .string(Human.size(size)),
            "TotalCount": .string(String(total)),
            "Type": .string(type),
        ])
    }

    /// One table for each kind.
    func details(now: Int64) throws -> String {
        let images = usage.images.flatMap { image in
            ImageRow.rows(image, digests: false, truncated: true, now: now)
        }
        let containers = usage.containers.map { ContainerRow.row($0, truncated: true, now: now) }
        let caches = usage.buildCache.map { cache in
            TemplateValue.row([
                "ID": .string(String(cache.id.prefix(12))), "CacheType": .string(cache.type),
                "Size": .string(Human.size(cache.size)),
                "CreatedSince": .string(ago(cache.createdAt, now)),
                "LastUsedSince": .string(cache.lastUsedAt.map { ago($0, now) } ?? ""),
                "UsageCount": .string(String(cache.usageCount)), "Shared": .string(String(cache.shared)),
            ])
        }
        return try "Images space usage:\n\n"
            + table(ImageRow.table + "\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}", images, ImageRow.headings)
            + "\nContainers space usage:\n\n"
            + table(
                "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}",
                containers, ContainerRow.headings)
            + "\nLocal Volumes space usage:\n\n"
            + table("{{.Name}}\t{{.Links}}\t{{.Size}}", usage.volumes.map(VolumeRow.row), VolumeRow.headings)
            + "\nBuild cache usage: \(Human.size(ownCacheBytes(usage.buildCache)))\n\n"
            + table(
                "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}",
                caches,
                .row([
                    "ID": "CACHE ID", "CacheType": "CACHE TYPE", "Size": "SIZE", "CreatedSince": "CREATED",
                    "LastUsedSince": "LAST USED", "UsageCount": "USAGE", "Shared": "SHARED",
                ]))
    }

    private func table(_ template: String, _ rows: [TemplateValue], _ headings: TemplateValue) throws -> String {
        try ListFormat(nil, standard: template).render(rows, headings: headings)
    }

    private func ago(_ time: String, _ now: Int64) -> String {
        Human.seconds(rfc3339: time).map { Human.ago($0, now: now) } ?? ""
    }
}
