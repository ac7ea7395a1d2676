/// A slower network than there is, for benchmarks.

/// Delays messages between hosts as a link of a given latency and bandwidth would (Hockney's α-β
/// model): a message of n bytes arrives α + n·β after the link is free for it.
///
/// Each rank has a link of its own; what it sends goes one after the other.
public final class InjectedNetwork {
  /// α, seconds.
  public let latency: Double
  /// β, seconds.
  public let secondsPerByte: Double
  private var freeAt = 0.0

  /// - Parameters:
  ///   - latency: seconds.
  ///   - bandwidth: bytes a second.
  public init(latency: Double, bandwidth: Double) {
    self.latency = latency
    secondsPerByte = 1 / bandwidth
  }

  /// When what is sent now has arrived, by `WhereaboutsPage.now`.
  ///
  /// - Parameter messages: that follow each other, each sent when the one before has arrived.
  func arrival(bytes: Int, messages: Int = 1) -> Double {
    freeAt = max(WhereaboutsPage.now, freeAt) + Double(bytes) * secondsPerByte
    return freeAt + Double(messages) * latency
  }
}

extension InjectedNetwork? {
  /// Whether a message that arrives at `time` is there; without an injected network it is.
  func hasDelivered(_ time: Double) -> Bool {
    if case .none = self { return true }
    return WhereaboutsPage.now >= time
  }
}
