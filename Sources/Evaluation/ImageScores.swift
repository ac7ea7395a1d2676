/// The scores of a test's images, summed over views and networks.

import Distributed
import Foundation
import Kernels
import MPI
import Tensors

/// Softmax scores of this rank's images, [images, classes] in Float64: ImageNet's 50,000 validation
/// images take 400 MB over all ranks, so networks can be evaluated one after the other, each in the
/// memory of one.
package final class ImageScores {
  /// This rank's images, by their index in the source; no image is another rank's too.
  package let images: [Int]
  package let classes: Int
  private let sums: AlignedBuffer<Double>
  private let exponentials: AlignedBuffer<Double>

  package init(images: [Int], classes: Int) {
    self.images = images
    self.classes = classes
    sums = AlignedBuffer(count: images.count * classes)
    exponentials = AlignedBuffer(count: classes)
  }

  /// Adds the softmax scores of one view, averaged over positions.
  ///
  /// - Parameters:
  ///   - logits: [positions, classes].
  ///   - row: which of `images`.
  package func add(_ logits: VectorView<Float>, positions: Int = 1, row: Int) {
    precondition(logits.count == positions * classes, "logits of each position and class")
    SoftmaxScores.add(
      logits, positions: positions, classes: classes, to: sums.view.row(row, width: classes),
      exponentials: exponentials.view)
  }

  /// What the averaged scores add up to over all images of all ranks, the same on every rank: the
  /// loss is −log of the averaged score of the true class.
  ///
  /// Each image's loss is known to one rank and zero on the others, so the ranks' sum of it is exact;
  /// losses are then added up in the images' order.
  /// - Parameters:
  ///   - views: scores added to each image.
  ///   - label: the class of an image.
  ///   - count: images of all ranks.
  package func totals(
    views: Int, label: (_ image: Int) -> Int, count: Int, ranks: Communicator
  ) throws -> EpochTotals {
    var losses = [Double](repeating: 0, count: count)
    var counts: [Int64] = [0, 0, 0]
    for (row, image) in images.enumerated() {
      let label = label(image)
      let place = place(of: label, row: row)
      losses[image] = -log(sums.view[row * classes + label] / Double(views))
      counts[0] += 1
      if place < 1 { counts[1] += 1 }
      if place < 5 { counts[2] += 1 }
    }
    losses = try ranks.allReduce(losses, .sum)
    counts = try ranks.allReduce(counts, .sum)
    var totals = EpochTotals()
    totals.add(
      ClassificationSums(
        images: Int(counts[0]), loss: losses.reduce(0, +), top1: Int(counts[1]),
        top5: Int(counts[2])))
    return totals
  }

  /// Adds what the averaged scores say of each of this rank's images to `outcomes`.
  ///
  /// - Parameter views: scores added to each image.
  package func report(to outcomes: ImageOutcomes, views: Int) {
    for (row, image) in images.enumerated() {
      outcomes.add(
        sums: VectorView(sums.view.row(row, width: classes)), views: views, image: image)
    }
  }

  /// Classes with higher scores than `label`, the lower class first among equals; out of all places
  /// for a NaN.
  private func place(of label: Int, row: Int) -> Int {
    let scores = sums.view.row(row, width: classes)
    let own = scores[label]
    if own.isNaN { return 5 }
    return (0..<classes).count { index in
      index != label && !(scores[index] < own) && (scores[index] != own || index < label)
    }
  }
}
