import Errors

/// Work on many services at once.
enum Parallel {
    /// Does the work for every item at the same time and lets all of it end.
    ///
    /// - Throws: the failures, their messages joined, after everything has ended.
    static func each<Item: Sendable>(_ items: [Item], _ work: @escaping @Sendable (Item) async throws -> Void)
        async throws
    {
        let failures = await withTaskGroup(of: (any Error)?.self) { group in
            for item in items {
                group.addTask { await failure { try await work(item) } }
            }
            var failures: [any Error] = []
            for await failure in group { if let failure { failures.append(failure) } }
            return failures
        }
        try rethrow(failures)
    }

    /// Does the work for every service as soon as those that it needs are done.
    ///
    /// After a failure nothing new begins; what has begun is let end.
    ///
    /// - Parameter edges: for each service those that must come before it.
    static func walk(
        _ services: [String], after edges: [String: [String]], _ work: @escaping @Sendable (String) async throws -> Void
    ) async throws {
        let taking = Set(services)
        var missing = Dictionary(
            services.map { ($0, Set((edges[$0] ?? []).filter(taking.contains))) },
            uniquingKeysWith: { first, _ in first })
        let failures = await withTaskGroup(of: (String, (any Error)?).self) { group in
            func begin() {
                // In the order given, so that a run can be followed and tests can predict it.
                for name in services where missing[name]?.isEmpty == true {
                    missing[name] = nil
                    group.addTask { (name, await failure { try await work(name) }) }
                }
            }
            begin()
            var failures: [any Error] = []
            for await (name, failure) in group {
                if let failure { failures.append(failure) }
                for other in missing.keys { missing[other]?.remove(name) }
                if failures.isEmpty, !Task.isCancelled { begin() }
            }
            return failures
        }
        try rethrow(failures)
        try Task.checkCancellation()
    }

    private static func failure(of work: () async throws -> Void) async -> (any Error)? {
        do {
            try await work()
            return nil
        } catch {
            return error
        }
    }

    private static func rethrow(_ failures: [any Error]) throws {
        let real = failures.filter { !($0 is CancellationError) }
        guard let first = real.first else {
            if let cancellation = failures.first { throw cancellation }
            return
        }
        guard real.count > 1 else { throw first }
        let code = (first as? BerthError)?.code ?? .internal
        throw BerthError(code, real.map { "\($0)" }.joined(separator: "\n"), cause: first)
    }
}
