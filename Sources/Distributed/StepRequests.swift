/// What ranks ask of each other with a step's losses.

/// Requests that any rank may make and that all ranks know of after the same step.
///
/// They travel with the losses' sums, so they cost no message of their own.
package struct StepRequests: OptionSet, Sendable {
  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Save and end the run.
  package static let stop = StepRequests(rawValue: 1)
  /// Save and continue.
  package static let save = StepRequests(rawValue: 2)
  /// A checkpoint could not be written.
  package static let saveFailed = StepRequests(rawValue: 4)

  static let all: StepRequests = [.stop, .save, .saveFailed]

  /// Kinds of requests: numbers that an exchange carries.
  static var kinds: Int { all.rawValue.nonzeroBitCount }

  /// Whether the request of one kind is made.
  subscript(kind: Int) -> Bool { rawValue >> kind & 1 == 1 }

  /// The requests whose ranks are counted in `counts`, [kinds].
  init(counts: (Int) -> Double) {
    rawValue = (0..<Self.kinds).reduce(0) { $0 | (counts($1) > 0 ? 1 << $1 : 0) }
  }
}
