import EngineAPI

/// What a live display of progress shows: a line for each layer, and one for bytes that this process
/// sends or receives.
struct ProgressBoard {
    /// Bytes on their way between this process and the daemon.
    struct Transfer {
        var label: String
        var bytes: SizeCounter
        /// Nil when it is not known.
        var total: Int64?
        var start = ContinuousClock.now
    }

    /// Redraws a second, at most.
    static let rate = 15

    var transfer: Transfer?
    private var rows: [LayerRow] = []
    private var places: [String: Int] = [:]
    private var region = LineRegion()
    private var isDirty = false

    let width: () -> Int
    let height: () -> Int

    init(width: @escaping () -> Int, height: @escaping () -> Int) {
        self.width = width
        self.height = height
    }

    /// - Returns: what must be written at once: text that belongs to no layer, below the layers so far.
    mutating func apply(_ message: ProgressMessage) -> String {
        if !message.stream.isEmpty { return settle() + message.stream }
        guard !message.status.isEmpty else { return "" }
        guard !message.id.isEmpty else { return settle() + message.status + "\n" }
        let row = LayerRow(message)
        if let place = places[message.id] {
            rows[place] = row
        } else {
            places[message.id] = rows.count
            rows.append(row)
        }
        isDirty = true
        return ""
    }

    /// Draws the layers as they are, which then no longer change.
    private mutating func settle() -> String {
        let held = transfer
        isDirty = isDirty || held != nil
        transfer = nil
        defer {
            transfer = held
            rows = []
            places = [:]
            region.settle()
            isDirty = held != nil
        }
        return redraw()
    }

    /// Escape sequences and text that bring the terminal up to date; empty when nothing changed.
    mutating func redraw() -> String {
        guard isDirty || transfer != nil else { return "" }
        isDirty = false
        return LineRegion.atOnce(region.update(lines()))
    }

    /// Takes the line of the transfer away and leaves the layers.
    mutating func finish() -> String {
        guard transfer != nil || isDirty else { return "" }
        transfer = nil
        isDirty = true
        return redraw()
    }

    private func lines() -> [String] {
        // The last column stays free: some terminals wrap when it is written.
        let width = max(10, width() - 1)
        let room = max(3, height() - 2 - (transfer == nil ? 0 : 1))
        var shown = rows
        var summary: [String] = []
        if rows.count > room {
            // What is done is counted, so that the lines in motion fit on the screen.
            let active = rows.filter { !$0.isDone }
            shown = Array((active.isEmpty ? rows : active).prefix(room - 1))
            let done = rows.count - active.count
            let hidden = rows.count - shown.count - (active.isEmpty ? 0 : done)
            summary = [
                DisplayWidth.cut(
                    hidden > 0 ? "\(done) of \(rows.count) done, \(hidden) more" : "\(done) of \(rows.count) done",
                    width)
            ]
        }
        return shown.map { $0.line(width: width) } + summary + (transfer.map { [line($0, width)] } ?? [])
    }

    private func line(_ transfer: Transfer, _ width: Int) -> String {
        let bytes = transfer.bytes.total
        let seconds = transfer.start.duration(to: .now).seconds
        // Once all is sent the daemon works on it, and the rate would only seem to sink.
        let isMoving = transfer.total.map { bytes < $0 } ?? true
        let rate =
            isMoving && seconds >= 1 ? "  \(Human.size(Int64(Double(bytes) / seconds), digits: 3))/s" : ""
        let label = DisplayWidth.cut(LogLines.plain(transfer.label), max(8, width / 2))
        let room = width - DisplayWidth.of(label) - 2 - (transfer.total == nil ? rate.count : "  999MB/s".count)
        let bar = ProgressBar.text(current: bytes, total: transfer.total ?? 0, room: room)
        return bar.isEmpty ? label : "\(label)  \(bar)\(rate)"
    }
}

/// What is known of a layer that is pulled or pushed.
struct LayerRow {
    let id: String
    private let status: String
    private let current: Int64
    private let total: Int64

    init(_ message: ProgressMessage) {
        id = message.id
        status = message.status
        current = message.progressDetail?.current ?? 0
        total = message.progressDetail?.total ?? 0
    }

    /// Nothing more is to come of it.
    var isDone: Bool {
        let status = status.lowercased()
        return !status.hasPrefix("download")
            && ["complete", "exists", "pushed", "mounted from", "loaded"].contains { status.contains($0) }
    }

    func line(width: Int) -> String {
        let text = DisplayWidth.cut(LogLines.plain("\(id): \(status)"), width)
        let bar = ProgressBar.text(current: current, total: total, room: width - DisplayWidth.of(text) - 2)
        return bar.isEmpty ? text : "\(text)  \(bar)"
    }
}

/// Layers on their way, of which each goes when it is there.
struct PulledLayers {
    private static let shown = 5
    private var rows: [LayerRow] = []

    mutating func apply(_ message: ProgressMessage) {
        // The heading of a pull (`latest: Pulling from library/debian`) is no layer.
        guard !message.status.hasPrefix("Pulling from ") else { return }
        let row = LayerRow(message)
        let place = rows.firstIndex { $0.id == row.id }
        switch (place, row.isDone) {
        case (let place?, true): rows.remove(at: place)
        case (let place?, false): rows[place] = row
        case (nil, true): break
        case (nil, false): rows.append(row)
        }
    }

    /// - Parameter width: columns of the terminal that may be used, of which four stay free on the left.
    func lines(width: Int) -> [String] {
        rows.prefix(Self.shown).map { $0.line(width: max(10, width - 4)) }
    }
}
