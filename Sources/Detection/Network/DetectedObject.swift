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

  package init(box: SIMD4<Float>, label: Int, score: Float) {
    (self.box, self.label, self.score) = (box, label, score)
  }
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
  /// Whether regions are pooled again from each box, and overlapping boxes vote (He et al. 2015, appendix B).
  package var refines = false

  package init() {}

  /// What the regions of one image say, before any is dropped for another.
  ///
  /// - Parameter image: the network's input.
  /// - Returns: the boxes of each class with their scores, and each region's box of its likeliest class.
  func candidates(
    _ predictions: RegionPredictions, coder: BoxCoder, image: ImageShape
  ) -> (objects: [DetectedObject], likeliest: [SIMD4<Float>]) {
    let (scores, offsets) = (predictions.scores, predictions.offsets)
    let classes = scores.shape.channels
    let (width, height) = (Float(image.width), Float(image.height))
    var objects: [DetectedObject] = []
    var likeliest: [SIMD4<Float>] = []
    for (region, reference) in predictions.regions.enumerated() {
      let probabilities = Self.softmax(scores.base + region * classes, classes)
      func box(_ label: Int) -> SIMD4<Float> {
        let code = offsets.base + 4 * (region * classes + label)
        return coder.decode(
          SIMD4(code[0], code[1], code[2], code[3]), relativeTo: reference
        ).clipped(width: width, height: height)
      }
      for label in 1..<classes where probabilities[label] > leastScore {
        let box = box(label)
        if box.hasSides(atLeast: leastSide) {
          objects.append(DetectedObject(box: box, label: label, score: probabilities[label]))
        }
      }
      if refines {
        let best = (1..<classes).max { (probabilities[$0], $1) < (probabilities[$1], $0) }!
        let box = box(best)
        if box.hasSides(atLeast: leastSide) { likeliest.append(box) }
      }
    }
    return (objects, likeliest)
  }

  /// The objects that are reported of some candidates of one image, best first.
  func selected(_ candidates: [DetectedObject]) -> [DetectedObject] {
    let labels = Set(candidates.map(\.label)).sorted()
    let kept = labels.flatMap { label in
      let objects = candidates.filter { $0.label == label }.sortedByScore
      let boxes = objects.map(\.box)
      return NonMaximumSuppression.kept(boxes, overlap: overlap, limit: objects.count).map {
        index in
        var object = objects[index]
        if refines { object.box = Self.vote(for: object.box, objects) }
        return object
      }
    }
    return Array(kept.sortedByScore.prefix(limit))
  }

  /// Overlap from which on a box votes for another.
  private static let votingOverlap: Float = 0.5

  /// The mean of the boxes that overlap a kept one, weighted by their scores (Gidaris and Komodakis 2015,
  /// arXiv 1505.01749, §4).
  private static func vote(
    for box: SIMD4<Float>, _ objects: [DetectedObject]
  ) -> SIMD4<Float> {
    var (sum, weight) = (SIMD4<Float>.zero, Float(0))
    for object in objects where Overlap.ofUnion(object.box, box) >= votingOverlap {
      sum += object.score * object.box
      weight += object.score
    }
    return sum / weight
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
