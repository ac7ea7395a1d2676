/// The steps that `--on-nan skip` let pass.

/// Steps whose loss or gradient was not a number, and which changed nothing.
package struct SkippedSteps: Codable, Equatable, Sendable {
  /// After so many in a row nothing will help: the parameters stay as they are.
  static let limit = 10

  var total = 0
  var inARow = 0

  enum CodingKeys: String, CodingKey {
    case total
    case inARow = "in_a_row"
  }
}

/// Too many steps in a row were skipped.
struct TooManySkippedSteps: Error, CustomStringConvertible {
  let step: Int
  /// What was not a number in the last of them.
  let finding: String

  var description: String {
    "\(SkippedSteps.limit) steps in a row were skipped, up to step \(step) (--on-nan skip), because \(finding): "
      + "training has diverged. Use a smaller --lr, or resume from an older checkpoint with one"
  }
}
