/// The names of a network's classes.

import Distributed
import Foundation

package enum ClassNames {
  /// Names from a file, one a line.
  ///
  /// - Throws: `ClassNamesError`.
  static func read(_ path: String, count: Int) throws(ClassNamesError) -> [String] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path)
    }
    let text = String(decoding: data, as: UTF8.self)
    // Windows editors begin a file with a mark.
    var lines = text.drop { $0 == "\u{FEFF}" }
      .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }
    while lines.last == "" { lines.removeLast() }
    guard lines.count == count else {
      throw .wrongCount(path: path, lines: lines.count, classes: count)
    }
    return lines
  }

  /// The classes' numbers.
  static func numbers(_ count: Int) -> [String] { (0..<count).map { "\($0)" } }
}

/// A file of class names does not fit.
package enum ClassNamesError: UsageError, Equatable, CustomStringConvertible {
  case unreadable(path: String)
  case wrongCount(path: String, lines: Int, classes: Int)

  package var description: String {
    switch self {
    case .unreadable(let path): "cannot read the class names \(path)"
    case .wrongCount(let path, let lines, let classes):
      "\(path) has \(lines) class names, the network tells \(classes) classes apart: give one name a "
        + "line, in the order of the network's outputs"
    }
  }
}
