/// A rate that drops when the error plateaus: He et al. 2015, §3.4.

import Console

/// `torch.optim.lr_scheduler.ReduceLROnPlateau` on the evaluation error, with a relative threshold.
///
/// It has a state, so it must see the same errors on every rank.
package struct PlateauSchedule: LearningRateSchedule, Hashable {
  package let initial: Double
  /// The factor at each drop.
  package let gamma: Double
  package let minimum: Double
  /// Evaluations without an improvement that are tolerated.
  package let patience: Int
  /// How much lower than the best an error must be, relative to it, to be an improvement.
  package let threshold: Double

  /// The lowest error so far, by steps of at least `threshold`.
  package private(set) var best = Double.infinity
  /// Evaluations since then, or since the last drop.
  package private(set) var badEvaluations = 0
  /// Drops so far.
  package private(set) var drops = 0

  package init(
    initial: Double, gamma: Double, minimum: Double, patience: Int, threshold: Double
  ) {
    self.initial = initial
    self.gamma = gamma
    self.minimum = minimum
    self.patience = patience
    self.threshold = threshold
  }

  package var summary: String {
    "lr \(NumberFormat.learningRate(initial)), × \(NumberFormat.learningRate(gamma)) "
      + "when the evaluations' error has not improved in \(patience + 1) evaluations"
      + (minimum > 0 ? ", down to \(NumberFormat.learningRate(minimum))" : "")
  }

  package func rate(afterSteps step: Int) -> Double {
    max(Optimizers.rate(initial, droppedBy: gamma, times: drops), minimum)
  }

  package mutating func observe(error: Double) {
    if error < best * (1 - threshold) {
      best = error
      badEvaluations = 0
      return
    }
    badEvaluations += 1
    if badEvaluations > patience {
      drops += 1
      badEvaluations = 0
    }
  }

  private static let keys = (best: "best_error", bad: "bad_evaluations", drops: "drops")

  package var state: [String: Double] {
    guard best.isFinite || badEvaluations > 0 || drops > 0 else { return [:] }
    var state = [
      Self.keys.bad: Double(badEvaluations), Self.keys.drops: Double(drops),
    ]
    if best.isFinite { state[Self.keys.best] = best }
    return state
  }

  package mutating func load(state: [String: Double]) throws(ScheduleStateError) {
    func count(_ key: String) throws(ScheduleStateError) -> Int {
      let value = state[key] ?? 0
      guard let count = Int(exactly: value), (0...1_000_000).contains(count) else {
        throw ScheduleStateError(key: key, value: value)
      }
      return count
    }
    let (bad, drops) = (try count(Self.keys.bad), try count(Self.keys.drops))
    best = state[Self.keys.best] ?? .infinity
    badEvaluations = bad
    self.drops = drops
  }
}
