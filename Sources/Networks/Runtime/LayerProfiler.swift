/// Where the time of training passes goes, layer by layer.

import System

/// Collects each layer's seconds: an observer of a replica.
package final class LayerProfiler: PassObserver {
  /// One layer of the training plan.
  package struct Entry: Sendable {
    package let layer: LayerDescription
    package fileprivate(set) var forwardSeconds = 0.0
    package fileprivate(set) var backwardSeconds = 0.0
  }

  /// In the order of the training plan.
  package private(set) var entries: [Entry] = []
  package private(set) var passes = 0
  private var began = 0.0

  package init() {}

  package func willObserve(_ layers: [LayerDescription]) {
    entries = layers.map { Entry(layer: $0) }
  }

  /// Forgets what has been measured.
  package func reset() {
    passes = 0
    for index in entries.indices {
      entries[index].forwardSeconds = 0
      entries[index].backwardSeconds = 0
    }
  }

  package func willRun(layer: Int, backward: Bool) {
    if layer == 0, !backward { passes += 1 }
    began = MonotonicClock.now
  }

  package func didRun(layer: Int, backward: Bool) {
    if backward {
      entries[layer].backwardSeconds += MonotonicClock.now - began
    } else {
      entries[layer].forwardSeconds += MonotonicClock.now - began
    }
  }
}
