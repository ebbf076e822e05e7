/// Images. An image is named by a reference, its ID, or a unique prefix of it.
public protocol ImageBackend: Sendable {
    func listImages(_ options: ImageListOptions) async throws -> [ImageSummary]

    func pullImage(_ options: ImagePullOptions, auth: AuthConfig?, progress: any ProgressSink) async throws

    /// Makes an image of a root file system's tar.
    func importImage(
        _ options: ImageImportOptions, body: RequestBody, progress: any ProgressSink
    ) async throws

    func inspectImage(_ name: String, _ options: ImageInspectOptions) async throws -> ImageInspect

    func imageHistory(_ name: String, platform: OCIPlatform?) async throws -> [ImageHistoryItem]

    func pushImage(
        _ name: String, _ options: ImagePushOptions, auth: AuthConfig?, progress: any ProgressSink
    ) async throws

    func tagImage(_ name: String, _ options: ImageTagOptions) async throws

    func removeImage(_ name: String, _ options: ImageRemoveOptions) async throws -> [ImageDeleteResponse]

    func searchImages(_ options: ImageSearchOptions) async throws -> [ImageSearchResult]

    func pruneImages(_ filters: Filters) async throws -> ImagePruneReport

    /// A tar of images in Docker's and the OCI's layout.
    func saveImages(_ names: [String], platforms: [OCIPlatform]) async throws -> StreamedOutput

    /// - Parameter body: a tar in Docker's or the OCI's layout, plain or compressed.
    func loadImages(_ options: ImageLoadOptions, body: RequestBody, progress: any ProgressSink) async throws

    /// Asks the image's registry, not the store.
    func inspectDistribution(_ name: String, auth: AuthConfig?) async throws -> DistributionInspect
}

/// Builds.
public protocol BuildBackend: Sendable {
    /// - Parameters:
    ///   - auth: credentials by registry host.
    ///   - context: a tar, plain or compressed; empty if `options.remote` names the context.
    func buildImage(
        _ options: BuildOptions, auth: [String: AuthConfig], context: RequestBody, progress: any ProgressSink
    ) async throws

    func pruneBuildCache(_ options: BuildPruneOptions) async throws -> BuildPruneReport

    /// - Parameter id: the `buildID` of a running build.
    func cancelBuild(_ id: String) async throws
}
