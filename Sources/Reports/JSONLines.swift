/// Files of JSON objects, one a line.

import Foundation

/// The objects of a file up to the first line that is none of them.
struct JSONLines<Value> {
  private(set) var values: [Value] = []
  /// The number, from 1 on, of the line that is no object; nil: all are.
  private(set) var badLine: Int?
  /// Whether that line is the file's last and has no end, as one that is being written.
  private(set) var endsInside = false

  /// Nil where the file cannot be read.
  ///
  /// - Parameter decode: an object of a line's bytes; nil: it is none.
  init?(_ path: String, decode: (Data) -> Value?) {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    let newline = UInt8(ascii: "\n")
    let lines = data.split(separator: newline)
    for (index, line) in lines.enumerated() {
      guard let value = decode(line) else {
        badLine = index + 1
        endsInside = index == lines.count - 1 && data.last != newline
        return
      }
      values.append(value)
    }
  }
}

extension JSONLines where Value: Decodable {
  init?(_ path: String) {
    let decoder = JSONDecoder()
    self.init(path) { try? decoder.decode(Value.self, from: $0) }
  }
}
