/// An evaluation as `eval --json` prints it.

import Foundation

/// What one object of `eval --json` says.
package struct EvaluationRecord: Decodable, Sendable {
  package let model: String
  package let shortcut: String?
  /// Images.
  package let samples: Int
  /// Fractions right.
  package let top1: Double
  package let top5: Double
  /// How often the network saw each image.
  package let views: Int

  /// The evaluations in a file, one a line.
  ///
  /// - Throws: `EvaluationRecordError`.
  package static func read(_ path: String) throws(EvaluationRecordError) -> [EvaluationRecord] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path)
    }
    let lines = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
    var records: [EvaluationRecord] = []
    for (number, line) in lines.enumerated() {
      guard let record = try? JSONDecoder().decode(Self.self, from: Data(line.utf8)) else {
        throw .noEvaluation(path: path, line: number + 1)
      }
      records.append(record)
    }
    return records
  }
}

/// A file does not hold what `eval --json` prints.
package enum EvaluationRecordError: Error, Equatable, CustomStringConvertible {
  case unreadable(path: String)
  case noEvaluation(path: String, line: Int)

  package var description: String {
    switch self {
    case .unreadable(let path): "cannot read \(path)"
    case .noEvaluation(let path, let line):
      "\(path), line \(line): not a line of 'resnet-dist eval --json'"
    }
  }
}
