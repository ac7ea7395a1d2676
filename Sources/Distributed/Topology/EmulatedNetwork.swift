/// An emulated network, slower than the one there is, for benchmarks.

import System

/// Delays messages between hosts as a link of a given latency and bandwidth would (Hockney's α-β
/// model): a message of n bytes arrives α + n·β after the link is free for it.
///
/// Each rank has a link of its own, which sends one message at a time.
package final class EmulatedNetwork {
  /// α, seconds.
  package let latency: Double
  /// β, seconds.
  package let secondsPerByte: Double
  private var freeAt = 0.0

  /// - Parameters:
  ///   - latency: seconds.
  ///   - bandwidth: bytes a second.
  package init(latency: Double, bandwidth: Double) {
    self.latency = latency
    secondsPerByte = 1 / bandwidth
  }

  /// When what is sent now has arrived, by `MonotonicClock`.
  ///
  /// - Parameter messages: that follow each other, each sent when the one before has arrived.
  func arrival(bytes: Int, messages: Int = 1) -> Double {
    freeAt = max(MonotonicClock.now, freeAt) + Double(bytes) * secondsPerByte
    return freeAt + Double(messages) * latency
  }
}

extension EmulatedNetwork? {
  /// Whether a message that arrives at `time` has arrived; always true without an emulated network.
  func hasDelivered(_ time: Double) -> Bool {
    if case .none = self { return true }
    return MonotonicClock.now >= time
  }
}
