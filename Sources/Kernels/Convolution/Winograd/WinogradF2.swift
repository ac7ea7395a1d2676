/// The transforms of Winograd's F(2×2, 3×3) (Lavin & Gray 2016, §4.1): 16 products for 4 outputs, four ninths of
/// the multiplications, in bfloat16.

import Tensors

/// F(4×4) in bfloat16 would be 6 times as inexact as F(2×2), whose error is that of the rounded operands of a
/// direct sum once more.
enum WinogradF2: WinogradTransform {
  typealias Number = BFloat16

  static var name: String { "Winograd F(2×2)" }

  @inline(__always) static var outputSide: Int { 2 }

  static var errorGrowth: Double { 4 }

  /// Twice the rounding error of one number.
  static var numberError: Double { 2 * Number.elementType.roundingError }

  private typealias Four<Element> = InlineArray<4, Element>

  /// Bᵀd.
  @inline(__always)
  private static func input(_ d: Four<Channels>) -> Four<Channels> {
    [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]
  }

  @inline(__always)
  static func input(
    load: (_ row: Int, _ column: Int) -> Channels,
    store: (_ row: Int, _ column: Int, Channels) -> Void
  ) {
    @inline(__always) func column(_ column: Int) -> Four<Channels> {
      input([load(0, column), load(1, column), load(2, column), load(3, column)])
    }
    let (c0, c1, c2, c3) = (column(0), column(1), column(2), column(3))
    @inline(__always) func row(_ row: Int) {
      let line = input([c0[row], c1[row], c2[row], c3[row]])
      for column in 0..<4 { store(row, column, line[column]) }
    }
    row(0)
    row(1)
    row(2)
    row(3)
  }

  /// Aᵀm.
  @inline(__always)
  private static func output(_ m: Four<Channels>) -> InlineArray<2, Channels> {
    [m[0] + (m[1] + m[2]), (m[1] - m[2]) - m[3]]
  }

  @inline(__always)
  static func output(
    load: (_ row: Int, _ column: Int) -> Channels,
    store: (_ row: Int, _ column: Int, Channels) -> Void
  ) {
    @inline(__always) func column(_ column: Int) -> InlineArray<2, Channels> {
      output([load(0, column), load(1, column), load(2, column), load(3, column)])
    }
    let (c0, c1, c2, c3) = (column(0), column(1), column(2), column(3))
    @inline(__always) func row(_ row: Int) {
      let line = output([c0[row], c1[row], c2[row], c3[row]])
      store(row, 0, line[0])
      store(row, 1, line[1])
    }
    row(0)
    row(1)
  }

  /// A·dy.
  @inline(__always)
  private static func outputGradient(_ y: InlineArray<2, Channels>) -> Four<Channels> {
    [y[0], y[0] + y[1], y[0] - y[1], -y[1]]
  }

  @inline(__always)
  static func outputGradient(
    load: (_ row: Int, _ column: Int) -> Channels,
    store: (_ row: Int, _ column: Int, Channels) -> Void
  ) {
    let c0 = outputGradient([load(0, 0), load(1, 0)])
    let c1 = outputGradient([load(0, 1), load(1, 1)])
    @inline(__always) func row(_ row: Int) {
      let line = outputGradient([c0[row], c1[row]])
      for column in 0..<4 { store(row, column, line[column]) }
    }
    row(0)
    row(1)
    row(2)
    row(3)
  }

  @inline(__always)
  static func weights(
    _ half: UnsafeMutablePointer<Float>, load: (_ row: Int, _ column: Int) -> Vector,
    store: (_ row: Int, _ column: Int, Vector) -> Void
  ) {
    transform2D(half, weights, load: load, store: store)
  }

  /// G·g.
  @inline(__always)
  private static func weights(_ g: InlineArray<3, Vector>) -> Four<Vector> {
    let half = Vector(repeating: 0.5)
    let outer = (g[0] + g[2]) * half
    let middle = g[1] * half
    return [g[0], outer + middle, outer - middle, g[2]]
  }

  @inline(__always)
  static func weightGradient(
    _ half: UnsafeMutablePointer<Float>, load: (_ row: Int, _ column: Int) -> Vector,
    store: (_ row: Int, _ column: Int, Vector) -> Void
  ) {
    transform2D(half, weightGradient, load: load, store: store)
  }

  /// Gᵀm.
  @inline(__always)
  private static func weightGradient(_ m: Four<Vector>) -> InlineArray<3, Vector> {
    let half = Vector(repeating: 0.5)
    let even = (m[1] + m[2]) * half
    return [m[0] + even, (m[1] - m[2]) * half, even + m[3]]
  }
}
