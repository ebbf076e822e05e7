import Errors

/// Columns as Go's tabwriter aligns them with Docker's settings: cells at least 10 wide, 3 spaces
/// between them, the last one of a line not padded.
enum Table {
    private static let gap = 3

    /// - Parameters:
    ///   - lines: their cells; lines may differ in length.
    ///   - narrowest: the least width of a cell with its gap.
    static func render(_ lines: [[String]], narrowest: Int = 10) -> String {
        var widths: [Int] = []
        for line in lines {
            for (column, cell) in line.dropLast().enumerated() {
                if column == widths.count { widths.append(narrowest) }
                widths[column] = max(widths[column], cell.count + gap)
            }
        }
        return lines.map { line in
            line.enumerated().map { column, cell in
                column == line.count - 1 ? cell : cell.padded(to: widths[column])
            }.joined() + "\n"
        }.joined()
    }
}

/// How a listing is shown: the argument of `--format`.
enum ListFormat {
    /// Columns under headings.
    case table(GoTemplate)
    /// One line for each row.
    case lines(GoTemplate)
    case json

    static let help =
        "What to print:\n'table':            columns under headings (default)\n"
        + "'table TEMPLATE':   columns of one's own, as a Go template\n"
        + "'json':             a JSON object for each line\n'TEMPLATE':         a line for each, as a Go template"

    /// - Parameters:
    ///   - text: what the user asked for; nil or `table` is the command's own table.
    ///   - standard: the command's own table, as a template of cells separated by tabs.
    init(_ text: String?, standard: String) throws {
        let text = text.map(Self.unescaped) ?? "table"
        if text == "json" {
            self = .json
        } else if text == "table" {
            self = .table(try Self.template(standard))
        } else if text.hasPrefix("table ") || text.hasPrefix("table\t") {
            self = .table(try Self.template(String(text.dropFirst(6).drop { $0 == " " || $0 == "\t" })))
        } else {
            self = .lines(try Self.template(text))
        }
    }

    /// A row has all its fields, so that another name is a slip.
    private static func template(_ text: String) throws(BerthError) -> GoTemplate {
        do throws(BerthError) {
            var template = try GoTemplate(text)
            template.missing = .unknownField
            return template
        } catch {
            throw BerthError(
                error.code, error.message.replacing("template parsing error:", with: "failed to parse template:"))
        }
    }

    /// `\t` and `\n` written as two characters, as they come out of a shell.
    private static func unescaped(_ text: String) -> String {
        text.replacing("\\t", with: "\t").replacing("\\n", with: "\n")
    }

    /// - Parameter headings: what each field is called at the head of its column.
    func render(_ rows: [TemplateValue], headings: TemplateValue) throws -> String {
        do {
            switch self {
            case .json: return rows.map { $0.sortedByName.json + "\n" }.joined()
            case .lines(let template): return try rows.map { try template.render($0) + "\n" }.joined()
            case .table(let template):
                let heading = try template.renderHeading(headings)
                return Table.render(try ([heading] + rows.map { try template.render($0) }).map(Self.cells))
            }
        } catch let error as BerthError where error.message.hasPrefix("template: ") {
            throw BerthError(error.code, "failed to execute template: \(error.message)")
        }
    }

    private static func cells(_ line: String) -> [String] {
        line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
}

extension TemplateValue {
    /// Rows are maps for Docker, whose keys JSON has in order.
    fileprivate var sortedByName: TemplateValue {
        guard case .object(let fields) = self else { return self }
        return .object(fields.sorted { $0.name < $1.name })
    }
}
