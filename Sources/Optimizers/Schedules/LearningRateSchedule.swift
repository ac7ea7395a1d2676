/// A schedule: the learning rate at each step of a run.

import Foundation

/// The learning rate as a function of the step, and for some of the errors seen so far.
///
/// A schedule is one file. Its name and hyper-parameters are added to the settings, and nothing else.
/// Positions are in steps, counted from the start of the run.
package protocol LearningRateSchedule: Sendable {
  /// What the rate does over the run, in a few words, such as `lr 0.1, × 0.1 after iteration 32,000`.
  var summary: String { get }

  /// The rate of the step after `step` finished ones.
  func rate(afterSteps step: Int) -> Double

  /// Whether the step after `step` finished ones belongs to a warm-up.
  func isWarmUp(afterSteps step: Int) -> Bool

  /// Takes note of the error of an evaluation after a warm-up, the same on every rank.
  ///
  /// Most schedules depend on the step alone and ignore it.
  mutating func observe(error: Double)

  /// Takes note of the error over the last training steps, every few dozen of them, the same on every
  /// rank.
  mutating func observe(trainingError: Double)

  /// What the schedule keeps of the errors, for a checkpoint; empty where it depends on the step alone.
  /// All values are finite.
  var state: [String: Double] { get }

  /// Continues from the state of a checkpoint; one of another schedule is ignored.
  ///
  /// Nothing is changed when it throws.
  /// - Throws: `ScheduleStateError`.
  mutating func load(state: [String: Double]) throws(ScheduleStateError)
}

extension LearningRateSchedule {
  package func isWarmUp(afterSteps step: Int) -> Bool { false }
  package mutating func observe(error: Double) {}
  package mutating func observe(trainingError: Double) {}
  package var state: [String: Double] { [:] }
  package mutating func load(state: [String: Double]) throws(ScheduleStateError) {}
}

/// A schedule's state in a checkpoint has an impossible value.
package struct ScheduleStateError: Error, Equatable, CustomStringConvertible {
  package let key: String
  package let value: Double

  package init(key: String, value: Double) {
    self.key = key
    self.value = value
  }

  package var description: String {
    "its learning-rate schedule has \(key) \(value)"
  }
}

/// `rate` after `count` drops by the factor `gamma`.
///
/// Dividing by 10 gives the nearest decimal where multiplying by 0.1 does not.
func rate(_ rate: Double, droppedBy gamma: Double, times count: Int) -> Double {
  let divisor = 1 / gamma
  return (0..<count).reduce(rate) { rate, _ in rate / divisor }
}

/// A point of the half cosine wave from `start`, at `fraction` 0, to `end`, at 1.
func cosine(from start: Double, to end: Double, at fraction: Double) -> Double {
  end + (start - end) / 2 * (1 + cos(.pi * fraction))
}
