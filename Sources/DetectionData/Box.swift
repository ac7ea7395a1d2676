/// A rectangle in an image.

/// Corners in pixels, continuous: a box from x1 to x2 is x2 − x1 wide.
///
/// COCO's files have width and height instead of x2 and y2; both are kept, as one does not give the other to
/// the last bit.
package struct Box: Hashable, Sendable {
  package let x1: Double
  package let y1: Double
  package let x2: Double
  package let y2: Double
  package let width: Double
  package let height: Double

  package init(x1: Double, y1: Double, x2: Double, y2: Double) {
    (self.x1, self.y1, self.x2, self.y2) = (x1, y1, x2, y2)
    (width, height) = (x2 - x1, y2 - y1)
  }

  package init(x: Double, y: Double, width: Double, height: Double) {
    (x1, y1, x2, y2) = (x, y, x + width, y + height)
    (self.width, self.height) = (width, height)
  }

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
