/// A rectangle in an image.

/// Corners in pixels, continuous: a box from x1 to x2 is x2 − x1 wide.
package struct Box: Hashable, Sendable, Codable {
  package var x1: Double
  package var y1: Double
  package var x2: Double
  package var y2: Double

  package init(x1: Double, y1: Double, x2: Double, y2: Double) {
    (self.x1, self.y1, self.x2, self.y2) = (x1, y1, x2, y2)
  }

  package var width: Double { x2 - x1 }
  package var height: Double { y2 - y1 }
  package var area: Double { width * height }

  /// The area that both cover.
  package func intersection(_ other: Box) -> Double {
    let width = min(x2, other.x2) - max(x1, other.x1)
    let height = min(y2, other.y2) - max(y1, other.y1)
    return width > 0 && height > 0 ? width * height : 0
  }

  /// Intersection over union.
  package func overlap(_ other: Box) -> Double {
    let common = intersection(other)
    return common / (area + other.area - common)
  }
}
