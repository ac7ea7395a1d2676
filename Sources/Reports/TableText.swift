/// Tables as Markdown, CSV and JSON.

import System

/// A header and rows of texts.
package struct TableText: Equatable, Sendable {
  package let header: [String]
  package let rows: [[String]]

  package init(header: [String], rows: [[String]]) {
    self.header = header
    self.rows = rows
  }

  package var markdown: String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
    }
    return line(header) + line(header.map { _ in "---" }) + rows.map(line).joined()
  }

  /// As RFC 4180 has it, but for the line ends.
  package var csv: String {
    func cell(_ text: String) -> String {
      // By bytes: a carriage return and a line feed are one character.
      text.utf8.contains { ",\"\n\r".utf8.contains($0) }
        ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
    }
    return ([header] + rows).map { $0.map(cell).joined(separator: ",") + "\n" }.joined()
  }

  /// A list of objects with the header's names.
  package var json: String {
    let objects = rows.map { row in
      "{"
        + zip(header, row).map { "\(JSON.string($0)):\(JSON.string($1))" }.joined(separator: ",")
        + "}"
    }
    return "[" + objects.joined(separator: ",\n ") + "]\n"
  }
}
