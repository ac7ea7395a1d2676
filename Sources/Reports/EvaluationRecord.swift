/// An evaluation as `eval --json` prints it.

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
    guard let lines = JSONLines<EvaluationRecord>(path) else { throw .unreadable(path: path) }
    if let line = lines.badLine { throw .noEvaluation(path: path, line: line) }
    return lines.values
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
