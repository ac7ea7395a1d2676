/// Tables of runs for programs: plain numbers under fixed names.

import System

/// A row for all seeds of a configuration. Errors and precisions are fractions, times are seconds.
package struct RunFigures: Sendable {
  /// A column and its value, null where there is none.
  private typealias Member = (name: String, value: JSON)

  private let tables: [RunTable]

  package init(_ runs: [RunRecord]) { tables = RunTable.all(of: runs) }

  /// A list of objects; of each task with the columns of its own.
  package var json: String {
    let objects = tables.flatMap(Self.rows).map { JSON.members($0).description }
    return "[" + objects.joined(separator: ",\n ") + "]\n"
  }

  /// The columns of both tasks where there are runs of both; empty where a row has no value.
  package var csv: String {
    let rows = tables.flatMap(Self.rows)
    var header: [String] = []
    for row in rows {
      for member in row where !header.contains(member.name) { header.append(member.name) }
    }
    let cells = rows.map { row in
      header.map { name in
        row.first { $0.name == name }.map { Self.text($0.value) } ?? ""
      }
    }
    return TableText(header: header, rows: cells).csv
  }

  private static func rows(_ table: RunTable) -> [[Member]] {
    table.groups.map { row($0, in: table) }
  }

  private static func row(_ group: RunTable.Group, in table: RunTable) -> [Member] {
    let first = group.runs[0]
    var row: [Member] = [
      ("task", .string(first.configuration.detection.task.rawValue)),
      ("model", .string(first.configuration.network.model)), ("data", .string(first.dataName)),
    ]
    for (key, value) in zip(table.keys, table.values(of: group)) { row.append((key, plain(value))) }
    row.append(("seeds", .integer(group.runs.count)))
    row.append(("finished", .integer(group.finished)))
    if table.isOfDetectors {
      row += spread("AP", group.results(\.averagePrecision))
      row += spread("AP50", group.results(\.averagePrecision50))
    } else {
      row += spread("test_error", group.errors)
      row.append(("best_test_error", number(group.errors.min())))
      row.append(("lowest_error", number(group.lowestError)))
    }
    row.append(("images_per_second", number(group.imagesPerSecond)))
    row.append(("seconds", number(group.seconds)))
    return row
  }

  private static func spread(_ name: String, _ values: [Double]) -> [Member] {
    let spread = RunTable.Spread(values)
    return [(name, number(spread?.mean)), ("\(name)_std", number(spread?.deviation))]
  }

  private static func number(_ value: Double?) -> JSON { value.map(JSON.number) ?? .null }

  /// A setting's value: a number where it is one.
  private static func plain(_ text: String?) -> JSON {
    guard let text else { return .null }
    if let value = Int(text) { return .integer(value) }
    if let value = Double(text), value.isFinite { return .number(value) }
    return .string(text)
  }

  /// A value as a cell.
  private static func text(_ value: JSON) -> String {
    if case .string(let text) = value { return text }
    if case .null = value { return "" }
    return value.description
  }
}
