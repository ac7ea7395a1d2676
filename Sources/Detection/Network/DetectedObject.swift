/// What a detector says of an image, from the outputs of its test form.

import Glibc
import Kernels
import Tensors

/// An object that was found.
package struct DetectedObject: Hashable, Sendable {
  /// x1, y1, x2, y2 in pixels of the network's input.
  package var box: SIMD4<Float>
  /// From 1 on.
  package var label: Int
  /// The class's probability.
  package var score: Float
}

/// Which of a network's boxes are reported.
package struct DetectionRule: Hashable, Sendable {
  /// Boxes with a lower probability are dropped.
  package var leastScore: Float = 0.05
  /// Overlap above which the worse of two boxes of a class is dropped.
  package var overlap: Float = 0.5
  /// Boxes of an image, at most.
  package var limit = 100
  /// Boxes with a shorter side are dropped, in pixels of the network's input.
  package var leastSide: Float = 1e-2

  package init() {}

  /// The objects of one image, best first.
  ///
  /// - Parameters:
  ///   - scores: [regions, classes], the first of which is the background.
  ///   - offsets: [regions, classes, 4].
  ///   - regions: [regions, `SampledRegion.width`].
  ///   - image: the network's input.
  func objects(
    scores: ImageTensor, offsets: ImageTensor, regions: ImageTensor, coder: BoxCoder,
    image: ImageShape
  ) -> [DetectedObject] {
    let classes = scores.shape.channels
    let (width, height) = (Float(image.width), Float(image.height))
    var found = [[DetectedObject]](repeating: [], count: classes)
    for region in 0..<scores.images {
      let probabilities = Self.softmax(scores.base + region * classes, classes)
      let reference = SampledRegion(regions, region).box
      for label in 1..<classes where probabilities[label] > leastScore {
        let code = offsets.base + 4 * (region * classes + label)
        let box = coder.decode(
          SIMD4(code[0], code[1], code[2], code[3]), relativeTo: reference
        ).clipped(width: width, height: height)
        if box.hasSides(atLeast: leastSide) {
          found[label].append(
            DetectedObject(box: box, label: label, score: probabilities[label]))
        }
      }
    }
    let kept = found.flatMap { objects in
      let objects = objects.sortedByScore
      return NonMaximumSuppression.kept(objects.map(\.box), overlap: overlap, limit: objects.count)
        .map { objects[$0] }
    }
    return Array(kept.sortedByScore.prefix(limit))
  }

  /// Exponentials and sums are in Double.
  private static func softmax(_ scores: UnsafePointer<Float>, _ count: Int) -> [Float] {
    let highest = (0..<count).map { Double(scores[$0]) }.max() ?? 0
    let exponentials = (0..<count).map { exp(Double(scores[$0]) - highest) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { Float($0 / sum) }
  }
}

extension [DetectedObject] {
  /// Best first; of equal ones the earlier.
  fileprivate var sortedByScore: [DetectedObject] {
    enumerated().sorted {
      $0.element.score != $1.element.score
        ? $0.element.score > $1.element.score : $0.offset < $1.offset
    }.map(\.element)
  }
}
