/// Boxes relative to others (Girshick et al. 2014, appendix C; Ren et al. 2015, eq. 2).

import Glibc

/// Encodes a box as its offset from a reference box: (tx, ty, tw, th), each times a weight.
package struct BoxCoder: Hashable, Sendable {
  package let weights: SIMD4<Float>

  package init(weights: SIMD4<Float> = SIMD4(1, 1, 1, 1)) { self.weights = weights }

  /// A decoded box is at most this many times as long as its reference, as exp(log): 1000/16.
  private static let longest = Float(log(1000.0 / 16))

  package func encode(_ box: SIMD4<Float>, relativeTo reference: SIMD4<Float>) -> SIMD4<Float> {
    let (width, height) = (reference[2] - reference[0], reference[3] - reference[1])
    let (boxWidth, boxHeight) = (box[2] - box[0], box[3] - box[1])
    let offset = SIMD4(
      (box[0] + boxWidth / 2 - (reference[0] + width / 2)) / width,
      (box[1] + boxHeight / 2 - (reference[1] + height / 2)) / height,
      Float(log(Double(boxWidth) / Double(width))), Float(log(Double(boxHeight) / Double(height))))
    return weights * offset
  }

  package func decode(_ code: SIMD4<Float>, relativeTo reference: SIMD4<Float>) -> SIMD4<Float> {
    let offset = code / weights
    let (width, height) = (reference[2] - reference[0], reference[3] - reference[1])
    let x = offset[0] * width + (reference[0] + width / 2)
    let y = offset[1] * height + (reference[1] + height / 2)
    let halfWidth = Float(exp(Double(min(offset[2], Self.longest)))) * width / 2
    let halfHeight = Float(exp(Double(min(offset[3], Self.longest)))) * height / 2
    return SIMD4(x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight)
  }
}

extension SIMD4<Float> {
  /// The part of a box that is inside an image.
  func clipped(width: Float, height: Float) -> SIMD4<Float> {
    clamped(lowerBound: .zero, upperBound: SIMD4(width, height, width, height))
  }

  /// Whether both sides of a box are at least `side`.
  func hasSides(atLeast side: Float) -> Bool {
    self[2] - self[0] >= side && self[3] - self[1] >= side
  }
}
