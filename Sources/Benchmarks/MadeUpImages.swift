/// Training images for benchmarks, made up in memory.

import Distributed
import Networks
import Randomness
import Tensors

/// The same images for every step, in memory: this rank's of one mini-batch.
package final class MadeUpImages: MicroBatchSource {
  private let images: AlignedBuffer<Float>
  private let labels: AlignedBuffer<Int32>
  private let shape: ImageShape

  /// - Parameters:
  ///   - layout: of a micro-batch; a mini-batch repeats it.
  package init(_ architecture: Architecture, _ layout: ShardLayout, seed: UInt64) {
    let count = layout.localPositions.count
    shape = architecture.input
    images = AlignedBuffer(count: count * architecture.input.count)
    labels = AlignedBuffer(count: count)
    for (image, position) in layout.localPositions.enumerated() {
      var stream = CounterStream(seed: seed, purpose: .syntheticData, index: position)
      labels.pointer[image] = Int32(position % architecture.classes)
      let pixels = images.pointer + image * architecture.input.count
      for pixel in 0..<architecture.input.count {
        pixels[pixel] = Float(2 * stream.nextUniform() - 1)
      }
    }
  }

  package func withNextMicroBatch(_ body: (MicroBatch) throws -> Void) throws {
    try body(
      MicroBatch(
        images: ImageTensor(base: images.pointer, images: labels.count, shape: shape),
        targets: Targets(labels: VectorView(labels.view))))
  }
}
