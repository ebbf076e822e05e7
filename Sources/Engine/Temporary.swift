import EngineAPI
import Errors
import Linux
enum DirectorySize { static func measure(_ p: String) throws -> Int64 { 0 } }
struct VolumeFiller { init(_ r: ContainerRecord, except: Set<String>) {}; func fill() throws {} }
enum ConfigurationChange { static func apply(_ c: [String], to: ImageConfig.Execution) throws -> ImageConfig.Execution { to } }
import OCI
extension Engine {
    func buildCacheRecords() async throws -> [BuildCacheRecord] { [] }
    public func topContainer(_ id: String, arguments: [String]) async throws -> TopResponse { throw BerthError.internal("x") }
    public func containerChanges(_ id: String) async throws -> [FilesystemChange] { [] }
    public func exportContainer(_ id: String) async throws -> StreamedOutput { throw BerthError.internal("x") }
    public func containerStats(_ id: String, _ options: StatsOptions) async throws -> StreamedMessages<ContainerStats> { throw BerthError.internal("x") }
    public func statContainerPath(_ id: String, path: String) async throws -> PathStat { throw BerthError.internal("x") }
    public func readContainerArchive(_ id: String, path: String) async throws -> ContainerArchive { throw BerthError.internal("x") }
    public func writeContainerArchive(_ id: String, _ options: ArchivePutOptions, body: RequestBody) async throws {}
    public func commitContainer(_ options: CommitOptions, config: ContainerConfig?) async throws -> CommitResponse { throw BerthError.internal("x") }
}
import Builder
extension Builder { func pruneCache(all: Bool) async throws -> (keys: [String], bytes: Int64) { ([], 0) } }
