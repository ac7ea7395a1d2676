/// Greedy non-maximum suppression of boxes, and the choice of the highest scores before it.

import Tensors

public enum NonMaximumSuppression {
  /// Takes the boxes in order, each unless it overlaps one that was taken before.
  ///
  /// Overlaps are intersections over unions in Float, as torchvision's `nms`.
  /// - Parameters:
  ///   - boxes: x1, y1, x2, y2, best first.
  ///   - overlap: above which a box is dropped.
  ///   - limit: boxes that are taken at most.
  /// - Returns: the places of those that are taken.
  public static func kept(_ boxes: [SIMD4<Float>], overlap: Float, limit: Int) -> [Int] {
    let lanes = Vector.lanes
    let groups = (boxes.count + lanes - 1) / lanes
    var corners = (0..<4).map { _ in [Vector](repeating: Vector.zero, count: groups) }
    var areas = [Vector](repeating: Vector.zero, count: groups)
    for (index, box) in boxes.enumerated() {
      let (group, lane) = index.quotientAndRemainder(dividingBy: lanes)
      for corner in 0..<4 { corners[corner][group][lane] = box[corner] }
      areas[group][lane] = (box[2] - box[0]) * (box[3] - box[1])
    }
    let (left, top, right, bottom) = (corners[0], corners[1], corners[2], corners[3])
    var dropped = [SIMDMask<Vector.MaskStorage>](
      repeating: .init(repeating: false), count: groups)
    var kept: [Int] = []
    for index in boxes.indices {
      if kept.count == limit { break }
      let (own, lane) = index.quotientAndRemainder(dividingBy: lanes)
      if dropped[own][lane] { continue }
      kept.append(index)
      let box = boxes[index]
      let area = areas[own][lane]
      for group in own..<groups {
        let width =
          pointwiseMin(right[group], Vector(repeating: box[2]))
          - pointwiseMax(left[group], Vector(repeating: box[0]))
        let height =
          pointwiseMin(bottom[group], Vector(repeating: box[3]))
          - pointwiseMax(top[group], Vector(repeating: box[1]))
        let common = width.rectified * height.rectified
        let union = areas[group] + Vector(repeating: area) - common
        dropped[group] .|= common / union .> Vector(repeating: overlap)
      }
    }
    return kept
  }
}

public enum TopScores {
  /// The places of the highest scores, highest first; of equal ones the first first, and NaN last.
  ///
  /// - Parameter limit: places at most.
  public static func indices(
    _ scores: UnsafePointer<Float>, count: Int, limit: Int
  ) -> [Int] {
    require(count <= Int(UInt32.max), "places of scores have 32 bits")
    var keys = (0..<count).map { place in
      UInt64(descending(scores[place])) << 32 | UInt64(place)
    }
    keys.sort()
    return keys.prefix(limit).map { Int($0 & 0xFFFF_FFFF) }
  }

  /// A number that is the smaller the higher a score is.
  private static func descending(_ score: Float) -> UInt32 {
    if score.isNaN { return .max }
    // −0 and 0 are equal.
    let bits = (score + 0).bitPattern
    let ascending = bits >> 31 == 1 ? ~bits : bits | 1 << 31
    return ~ascending
  }
}
