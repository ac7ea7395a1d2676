/// Transposition of small square blocks.

/// target[16][16] = the transpose of the 16×16 block at `source`, whose rows are `stride` apart.
@inline(__always)
func transpose16(
  _ source: UnsafePointer<Float>, stride: Int, into target: UnsafeMutablePointer<Float>
) {
  for row in 0..<Vector.lanes {
    for column in 0..<Vector.lanes {
      target[column * Vector.lanes + row] = source[row * stride + column]
    }
  }
}
