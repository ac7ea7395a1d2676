/// One network's scores for all images: every image once, on any number of ranks.

import Datasets
import Networks
import Tensors

/// Adds up the scores that a replica gives to the images of a source, in order.
///
/// Batches are divided like training batches, and what a rank computes of its part does not depend on
/// the other ranks.
package struct ScoringPass {
  package let source: any ImageSource
  package let layout: ShardLayout
  package let workers: Int

  /// - Parameters:
  ///   - layout: of a batch over ranks.
  ///   - workers: threads that load images.
  package init(source: any ImageSource, layout: ShardLayout, workers: Int) {
    self.source = source
    self.layout = layout
    self.workers = workers
  }

  /// Batches of one pass.
  package var batches: Int { (source.count + layout.capacity - 1) / layout.capacity }

  /// This rank's images in the order in which `run` takes them.
  package var images: [Int] {
    (0..<batches).flatMap { batch in
      let first = batch * layout.capacity
      return layout.localPositions.map { first + $0 }.filter { $0 < source.count }
    }
  }

  /// Adds the scores of `replica` for this rank's images to `scores`.
  ///
  /// - Parameter progress: called after each batch with the batches done.
  package func run(
    _ replica: Replica, _ normalization: Normalization, _ transform: ImageTransform,
    into scores: ImageScores, progress: (Int) -> Void
  ) throws {
    let loader = BatchLoader(
      source: source, normalization: normalization, transform: transform, order: .sequential,
      batchSize: layout.capacity, localRange: layout.localPositions, steps: 0..<batches,
      workers: workers)
    var row = 0
    for step in 0..<batches {
      let batch = min(layout.capacity, source.count - step * layout.capacity)
      try loader.withNext { images in
        let logits = VectorView(
          try replica.scoringPass(images: images.pixels.base, batch: batch))
        for image in 0..<images.count {
          scores.add(logits.row(image, width: scores.classes), row: row)
          row += 1
        }
      }
      progress(step + 1)
    }
  }
}
