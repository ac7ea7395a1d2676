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
    let chosen = ChosenBoxes(capacity: min(limit, boxes.count))
    var places: [Int] = []
    for (index, box) in boxes.enumerated() {
      if places.count == limit { break }
      if chosen.overlap(box, of: places.count, moreThan: overlap) { continue }
      chosen.add(box, at: places.count)
      places.append(index)
    }
    return places
  }
}

/// The boxes that were taken, sixteen beside each other: a box that overlaps none is compared with all of them,
/// and of the others most overlap one of the first.
private struct ChosenBoxes: ~Copyable {
  /// [groups, x1 | y1 | x2 | y2 | area, lanes]; boxes that are not there are at 0 and have no area.
  private let memory: AlignedBuffer<Float>

  private static let parts = 5 * Vector.lanes

  init(capacity: Int) {
    let groups = (capacity + Vector.lanes - 1) / Vector.lanes
    memory = AlignedBuffer(count: groups * Self.parts)
  }

  func add(_ box: SIMD4<Float>, at place: Int) {
    let (group, lane) = place.quotientAndRemainder(dividingBy: Vector.lanes)
    let target = memory.pointer + group * Self.parts + lane
    for corner in 0..<4 { target[corner * Vector.lanes] = box[corner] }
    target[4 * Vector.lanes] = Self.area(box)
  }

  /// Whether a box and one of the first `count` have an intersection over their union above `limit`.
  func overlap(_ box: SIMD4<Float>, of count: Int, moreThan limit: Float) -> Bool {
    let (left, top) = (Vector(repeating: box[0]), Vector(repeating: box[1]))
    let (right, bottom) = (Vector(repeating: box[2]), Vector(repeating: box[3]))
    let area = Vector(repeating: Self.area(box))
    let limit = Vector(repeating: limit)
    let lanes = Vector.lanes
    for group in 0..<(count + lanes - 1) / lanes {
      let other = UnsafePointer(memory.pointer) + group * Self.parts
      let width =
        pointwiseMin(other.vector(at: 2 * lanes), right) - pointwiseMax(other.vector(at: 0), left)
      let height =
        pointwiseMin(other.vector(at: 3 * lanes), bottom)
        - pointwiseMax(other.vector(at: lanes), top)
      let common = width.rectified * height.rectified
      let union = other.vector(at: 4 * lanes) + area - common
      // Nothing by nothing is NaN, which is not above the limit.
      if any(common / union .> limit) { return true }
    }
    return false
  }

  private static func area(_ box: SIMD4<Float>) -> Float { (box[2] - box[0]) * (box[3] - box[1]) }
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
