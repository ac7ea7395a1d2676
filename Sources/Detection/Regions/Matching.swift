/// Which object each anchor or region belongs to, and the draw of those that are trained.

import Randomness

/// How boxes are matched with objects by their overlap (intersection over union).
package struct MatchingRule: Hashable, Sendable {
  /// Overlap from which on a box is foreground.
  package var foreground: Float
  /// Overlap below which it is background; between the two it is neither.
  package var background: Float
  /// Whether an object's best boxes are foreground whatever their overlap.
  package var keepsBest: Bool

  package init(foreground: Float, background: Float, keepsBest: Bool) {
    (self.foreground, self.background, self.keepsBest) = (foreground, background, keepsBest)
  }

  /// The part of a box in a crowd from which on it is not background.
  private static let crowdShare: Float = 0.5

  /// What becomes of each of some boxes: the index of its object, `background` or `neither`.
  ///
  /// - Returns: [boxes].
  package func matches(_ boxes: [SIMD4<Float>], _ objects: [TargetObject]) -> [Int32] {
    var best = [Float](repeating: 0, count: boxes.count)
    var bestObject = [Int32](repeating: 0, count: boxes.count)
    var isBest = [Bool](repeating: false, count: keepsBest ? boxes.count : 0)
    var overlaps = [Float](repeating: 0, count: boxes.count)
    for (index, object) in objects.enumerated() where !object.isCrowd {
      var highest: Float = 0
      for box in boxes.indices {
        let overlap = Overlap.ofUnion(object.box, boxes[box])
        overlaps[box] = overlap
        highest = max(highest, overlap)
        if overlap > best[box] {
          best[box] = overlap
          bestObject[box] = Int32(index)
        }
      }
      if keepsBest, highest > 0 {
        for box in boxes.indices where overlaps[box] == highest { isBest[box] = true }
      }
    }
    let crowds = objects.filter(\.isCrowd)
    return boxes.indices.map { box in
      if best[box] >= foreground || keepsBest && isBest[box] { return bestObject[box] }
      if best[box] >= background { return Match.neither }
      let isInCrowd = crowds.contains {
        Overlap.ofFirst(boxes[box], $0.box) >= Self.crowdShare
      }
      return isInCrowd ? Match.neither : Match.background
    }
  }
}

/// What a box is that belongs to no object.
package enum Match {
  package static let background: Int32 = -1
  /// Not trained.
  package static let neither: Int32 = -2
}

/// How much of each other two boxes cover.
enum Overlap {
  private static func area(_ box: SIMD4<Float>) -> Float {
    max(box[2] - box[0], 0) * max(box[3] - box[1], 0)
  }

  private static func intersection(_ first: SIMD4<Float>, _ second: SIMD4<Float>) -> Float {
    let width = min(first[2], second[2]) - max(first[0], second[0])
    let height = min(first[3], second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)
  }

  /// Intersection over union; 0 of boxes without area.
  static func ofUnion(_ first: SIMD4<Float>, _ second: SIMD4<Float>) -> Float {
    let common = intersection(first, second)
    let union = area(first) + area(second) - common
    return union > 0 ? common / union : 0
  }

  /// The part of the first box that is in the second.
  static func ofFirst(_ first: SIMD4<Float>, _ second: SIMD4<Float>) -> Float {
    let own = area(first)
    return own > 0 ? intersection(first, second) / own : 0
  }
}

/// How many boxes of an image are trained.
package struct SamplingRule: Hashable, Sendable {
  /// Boxes of an image, at most.
  package var count: Int
  /// The part of them that may be foreground.
  package var foregroundShare: Double

  package init(count: Int, foregroundShare: Double) {
    (self.count, self.foregroundShare) = (count, foregroundShare)
  }

  /// Draws boxes: foreground up to its share, and background for what is left; fewer where there are not
  /// as many.
  ///
  /// - Returns: their indices, foreground first, each in increasing order.
  package func sample(_ matches: [Int32], _ stream: CounterStream) -> [Int] {
    var stream = stream
    let most = Int(Double(count) * foregroundShare)
    let foreground = Self.draw(most, of: matches.indices.filter { matches[$0] >= 0 }, &stream)
    let background = Self.draw(
      count - foreground.count, of: matches.indices.filter { matches[$0] == Match.background },
      &stream)
    return foreground + background
  }

  /// `count` of some indices, in their order; all where there are no more.
  private static func draw(
    _ count: Int, of indices: [Int], _ stream: inout CounterStream
  ) -> [Int] {
    if indices.count <= count { return indices }
    var indices = indices
    for place in 0..<count {
      indices.swapAt(place, place + stream.next(below: indices.count - place))
    }
    return indices[..<count].sorted()
  }
}
