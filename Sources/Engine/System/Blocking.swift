import NIOPosix

/// Runs work that blocks (files, netlink, SQLite) on threads made for it, never on the few that run
/// the actors.
func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await NIOThreadPool.singleton.runIfActive(work)
}
