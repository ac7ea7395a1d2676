/// Sums of layers' outputs that do not depend on how many ranks there are.

import Kernels
import MPI
import Networks
import Tensors

/// Mean and variance of all numbers of each layer's output.
///
/// Every shard has moments of its own, over all batches one after the other; in the end the shards are
/// merged in the order of their tree, whoever holds them.
final class ResponseMoments {
  /// Numbers of a layer's total: how many values, their mean, and Σ(x − mean)².
  private static let width = 3

  private let shapes: [ImageShape]
  private let layout: ShardLayout
  /// Of each local shard, for each layer mean[C] and Σ(x − mean)²[C].
  private let moments: AlignedBuffer<Double>
  /// Images so far of each local shard.
  private var images: [Int]
  private let scratch: AlignedBuffer<Double>

  /// - Parameters:
  ///   - shapes: of the layers' outputs.
  ///   - layout: of a whole batch.
  init(of shapes: [ImageShape], _ layout: ShardLayout) {
    self.shapes = shapes
    self.layout = layout
    moments = AlignedBuffer(
      count: layout.localShards.count * 2 * shapes.map(\.channels).reduce(0, +))
    images = Array(repeating: 0, count: layout.localShards.count)
    let channels = shapes.map(\.channels).max() ?? 0
    scratch = AlignedBuffer(count: BatchNormalization.scratchCount(channels: channels))
  }

  /// Takes the outputs of the next batch.
  ///
  /// - Parameters:
  ///   - batch: global images in it.
  ///   - output: of a layer, [local images, H, W, C].
  func add(batch: Int, output: (_ layer: Int) -> UnsafeBufferPointer<Float>) {
    let layout = layout.shortened(to: batch)
    for layer in shapes.indices {
      let shape = shapes[layer]
      let values = output(layer)
      guard let base = values.baseAddress else { continue }
      let tensor = ImageTensor(
        base: UnsafeMutablePointer(mutating: base), images: values.count / shape.count,
        shape: shape)
      for shard in images.indices {
        BatchNormalization.addMoments(
          tensor.images(layout.localImages(ofLocalShard: shard)),
          to: moments(ofLocalShard: shard, layer), rowsBefore: images[shard] * shape.area,
          scratch: scratch.pointer)
      }
    }
    for shard in images.indices {
      images[shard] += layout.localImages(ofLocalShard: shard).count
    }
  }

  /// Where a shard's moments of a layer are.
  private func moments(ofLocalShard shard: Int, _ layer: Int) -> UnsafeMutablePointer<Double> {
    let channels = shapes.map(\.channels)
    return moments.pointer
      + 2 * (shard * channels.reduce(0, +) + channels[..<layer].reduce(0, +))
  }

  /// The standard deviation of each layer; collective, the same on every rank.
  func deviations(_ control: Communicator) throws -> [Double] {
    let row = Self.width * shapes.count
    var totals = [Double](repeating: 0, count: layout.shards * row)
    for (index, shard) in layout.localShards.enumerated() {
      for layer in shapes.indices {
        let total = total(ofLocalShard: index, layer)
        let first = shard * row + layer * Self.width
        totals.replaceSubrange(first..<first + Self.width, with: total)
      }
    }
    // Each number is one rank's, to which the others add 0.
    totals = try control.allReduce(totals, .sum)
    for merge in layout.tree.merges {
      for layer in shapes.indices {
        let (into, from) = (
          merge.into * row + layer * Self.width, merge.from * row + layer * Self.width
        )
        let total = Self.merged(
          Array(totals[into..<into + Self.width]), Array(totals[from..<from + Self.width]))
        totals.replaceSubrange(into..<into + Self.width, with: total)
      }
    }
    return shapes.indices.map { layer in
      let first = layer * Self.width
      let variance = totals[first + 2] / totals[first]
      // Rounding may leave less than nothing; what is no number stays none.
      return variance < 0 ? 0 : variance.squareRoot()
    }
  }

  /// A shard's numbers of all channels.
  private func total(ofLocalShard shard: Int, _ layer: Int) -> [Double] {
    let rows = Double(images[shard] * shapes[layer].area)
    let channels = shapes[layer].channels
    let values = moments(ofLocalShard: shard, layer)
    return (0..<channels).reduce([0, 0, 0]) { total, channel in
      Self.merged(total, [rows, values[channel], values[channels + channel]])
    }
  }

  private static func merged(_ left: [Double], _ right: [Double]) -> [Double] {
    guard right[0] > 0 else { return left }
    guard left[0] > 0 else { return right }
    var moments = [left[1], left[2]]
    BatchNormalization.mergeMoments(
      [right[1], right[2]], rows: right[0], into: &moments, rowsBefore: left[0], channels: 1)
    return [left[0] + right[0]] + moments
  }
}
