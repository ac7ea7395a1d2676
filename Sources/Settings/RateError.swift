/// Learning rates that cannot be trained with.

import Distributed

package enum RateError: UsageError, Equatable, CustomStringConvertible {
  /// After scaling by the mini-batch.
  case notFinite
  /// The schedule would raise the rate.
  case lowestAbove(lowest: Double, rate: Double)
  /// The warm-up would lower the rate.
  case warmUpAbove(start: Double, rate: Double)

  package var description: String {
    switch self {
    case .notFinite:
      "--lr times --batch-size over --lr-reference-batch is no finite rate: use a smaller --lr"
    case .lowestAbove(let lowest, let rate):
      "--lr-min \(NumberText.shortest(lowest)) is above the rate of \(NumberText.shortest(rate)), which it is "
        + "the end of: use a smaller one"
    case .warmUpAbove(let start, let rate):
      "--warmup-lr \(NumberText.shortest(start)), or a recipe's, is above the rate of "
        + "\(NumberText.shortest(rate)), which the warm-up leads up to: give a smaller --warmup-lr"
    }
  }
}

extension TrainingConfiguration {
  /// Checks that the rate is a number, grows in a warm-up and falls after it.
  package func checkRates() throws(RateError) {
    let rate = scaledLearningRate
    guard rate.isFinite else { throw .notFinite }
    let lowest = schedule.minimum
    switch schedule.name {
    case .cosine, .polynomial, .plateau:
      if lowest > rate { throw .lowestAbove(lowest: lowest, rate: rate) }
    case .step, .constant, .oneCycle: break
    }
    if schedule.warmUpLength != nil, let start = schedule.warmUpRate, start > rate {
      throw .warmUpAbove(start: start, rate: rate)
    }
  }
}
