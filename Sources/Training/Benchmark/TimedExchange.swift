/// A statistics exchange that knows how long it kept its caller.

import Networks

final class TimedExchange: StatisticsExchange {
  private let exchange: any StatisticsExchange
  private let clock = ContinuousClock()
  private(set) var seconds = 0.0

  init(_ exchange: any StatisticsExchange) { self.exchange = exchange }

  func combine(
    _ pieces: UnsafePointer<Double>, into groups: UnsafeMutablePointer<Double>,
    by rule: StatisticsRule
  ) throws {
    let began = clock.now
    try exchange.combine(pieces, into: groups, by: rule)
    seconds += (clock.now - began).seconds
  }

  func reset() { seconds = 0 }
}
