/// A statistics exchange that knows how long it kept its caller.

import Networks

final class TimedExchange: StatisticsExchange {
  private let exchange: any StatisticsExchange
  private let clock = ContinuousClock()
  private(set) var seconds = 0.0

  init(_ exchange: any StatisticsExchange) { self.exchange = exchange }

  func allGather(
    _ local: UnsafeBufferPointer<Double>, width: Int, into all: UnsafeMutableBufferPointer<Double>
  ) throws {
    let began = clock.now
    try exchange.allGather(local, width: width, into: all)
    seconds += (clock.now - began).seconds
  }

  func reset() { seconds = 0 }
}
