/// Where the time of training passes goes, layer by layer.

import Glibc

/// Collects each layer's seconds; give one to `Replica.profiler`.
public final class LayerProfiler {
  /// One layer of the training plan.
  public struct Entry: Sendable {
    public let name: String
    /// Shapes and algorithm of a convolution; empty for what has none.
    public let summary: String
    /// Multiply-adds of one image forward in direct form.
    public let multiplyAdds: Int
    /// Whether the layer computes its input's gradient too, so that backward is twice forward's work.
    public let propagates: Bool
    public fileprivate(set) var forwardSeconds = 0.0
    public fileprivate(set) var backwardSeconds = 0.0
  }

  public private(set) var entries: [Entry] = []
  public private(set) var passes = 0

  public init() {}

  /// Forgets what has been measured.
  public func reset() {
    passes = 0
    for index in entries.indices {
      entries[index].forwardSeconds = 0
      entries[index].backwardSeconds = 0
    }
  }

  func begin(_ layers: [any PlannedLayer]) {
    passes += 1
    if !entries.isEmpty { return }
    entries = layers.map {
      Entry(
        name: $0.name, summary: $0.summary, multiplyAdds: $0.multiplyAdds,
        propagates: $0.propagates)
    }
  }

  func measure(_ layer: Int, backward: Bool, _ body: () throws -> Void) rethrows {
    let began = Self.now
    try body()
    if backward {
      entries[layer].backwardSeconds += Self.now - began
    } else {
      entries[layer].forwardSeconds += Self.now - began
    }
  }

  /// Seconds of a clock that never goes back.
  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
