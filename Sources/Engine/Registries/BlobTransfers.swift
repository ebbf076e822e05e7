import OCI

/// Downloads under way, so that a blob that several pulls want comes once.
actor BlobTransfers {
    private var running: [Digest: Task<Void, any Error>] = [:]

    /// Carries out `work`, unless somebody does for this blob: then waits for the end of that.
    /// - Returns: whether `work` was carried out. If not, whether the blob is there now is to be looked up.
    func run(_ digest: Digest, _ work: @escaping @Sendable () async throws -> Void) async throws -> Bool {
        if let other = running[digest] {
            _ = await other.result
            try Task.checkCancellation()
            return false
        }
        let task = Task { try await work() }
        running[digest] = task
        defer { running[digest] = nil }
        try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
        return true
    }
}

/// Lets a number of tasks do something at a time; the others wait in order.
actor AsyncSlots {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    nonisolated func use<Value: Sendable>(_ work: @Sendable () async throws -> Value) async throws -> Value {
        await take()
        do {
            try Task.checkCancellation()
            let value = try await work()
            await give()
            return value
        } catch {
            await give()
            throw error
        }
    }

    private func take() async {
        if free > 0 {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func give() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
