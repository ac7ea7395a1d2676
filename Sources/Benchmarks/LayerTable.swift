/// The time of each layer in a training step: `bench --layers`.

import Console
import Foundation
import Networks

/// The layer table of `bench --layers`.
package struct LayerTable {
  let profiler: LayerProfiler
  /// Images of this rank in a step.
  let images: Int

  /// A line a layer: milliseconds and GFLOP/s (in direct form) of each direction.
  ///
  /// Normalization passes that the plan put into convolutions count there.
  package var text: String {
    let passes = Double(max(profiler.passes, 1))
    let total = profiler.entries.reduce(0) { $0 + $1.forwardSeconds + $1.backwardSeconds }
    var table = TextTable([.left, .right, .right, .right, .right, .right, .left])
    table.add(["layer", "forward", "GF/s", "backward", "GF/s", "share", ""])
    for entry in profiler.entries {
      let seconds = entry.forwardSeconds + entry.backwardSeconds
      let flops = 2 * Double(entry.layer.multiplyAdds * images) * passes
      let backwardFlops = entry.layer.needsInputGradient ? 2 * flops : flops
      table.add(
        [entry.layer.name] + Self.columns(entry.forwardSeconds, flops, passes)
          + Self.columns(entry.backwardSeconds, backwardFlops, passes)
          + [NumberFormat.percent(seconds / total), entry.layer.summary])
    }
    return table.lines.joined(separator: "\n")
  }

  /// Milliseconds of a pass, and GFLOP/s where the layer multiplies.
  private static func columns(_ seconds: Double, _ flops: Double, _ passes: Double) -> [String] {
    [
      String(format: "%.2f ms", seconds / passes * 1e3),
      flops > 0 ? String(format: "%.0f", flops / seconds / 1e9) : "",
    ]
  }
}
