/// Makes each value once, however many tasks ask for it, at the same time or later.
actor Once<Key: Hashable & Sendable, Value: Sendable> {
    private var tasks: [Key: Task<Value, any Error>] = [:]

    /// The value for `key`, made by the first caller's `make`. Cancelling any waiter cancels the
    /// making: all waiters belong to one build, which fails as a whole.
    func value(for key: Key, make: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let task = tasks[key] ?? Task { try await make() }
        tasks[key] = task
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    /// Waits for everything that is being made and gives what was.
    func finish() async -> [Value] {
        var values: [Value] = []
        for task in tasks.values {
            if case .success(let value) = await task.result { values.append(value) }
        }
        tasks = [:]
        return values
    }
}
