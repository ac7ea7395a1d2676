/// The transforms of Winograd's F(4×4, 3×3) (Lavin & Gray 2016, §4.3): 36 products for 16 outputs, a quarter of the
/// multiplications, in Float.

/// Tiles of images are transformed in registers: each transform is cut in halves that share no intermediate
/// result, so that one half of a square fits.
enum WinogradF4: WinogradTransform {
  typealias Number = Float

  static var name: String { "Winograd" }

  @inline(__always) static var outputSide: Int { 4 }

  static var errorGrowth: Double { 4 }

  /// Rounding of Float is in `errorGrowth`.
  static var numberError: Double { 0 }

  private typealias Six = InlineArray<6, Channels>
  private typealias Four = InlineArray<4, Channels>
  private typealias Three = InlineArray<3, Channels>
  private typealias Two = InlineArray<2, Channels>

  /// Rows 0 to 2 of Bᵀd.
  @inline(__always)
  private static func upperInput(_ d: Six) -> Three {
    let four = Channels(repeating: 4)
    let even = d[4].addingProduct(-four, d[2])
    let odd = d[3].addingProduct(-four, d[1])
    return [
      d[4].addingProduct(Channels(repeating: -5), d[2]).addingProduct(four, d[0]), even + odd,
      even - odd,
    ]
  }

  /// Rows 3 to 5 of Bᵀd.
  @inline(__always)
  private static func lowerInput(_ d: Six) -> Three {
    let outer = d[4] - d[2]
    let inner = (d[3] - d[1]) + (d[3] - d[1])
    return [
      outer + inner, outer - inner,
      d[5].addingProduct(Channels(repeating: -5), d[3]).addingProduct(Channels(repeating: 4), d[1]),
    ]
  }

  @inline(__always)
  static func input(
    load: (_ row: Int, _ column: Int) -> Channels,
    store: (_ row: Int, _ column: Int, Channels) -> Void
  ) {
    @inline(__always) func half(_ first: Int, _ transform: (Six) -> Three) {
      @inline(__always) func column(_ column: Int) -> Three {
        transform([
          load(0, column), load(1, column), load(2, column), load(3, column), load(4, column),
          load(5, column),
        ])
      }
      let (c0, c1, c2) = (column(0), column(1), column(2))
      let (c3, c4, c5) = (column(3), column(4), column(5))
      @inline(__always) func row(_ row: Int) {
        let line: Six = [c0[row], c1[row], c2[row], c3[row], c4[row], c5[row]]
        let left = upperInput(line)
        let right = lowerInput(line)
        for column in 0..<3 { store(first + row, column, left[column]) }
        for column in 0..<3 { store(first + row, 3 + column, right[column]) }
      }
      row(0)
      row(1)
      row(2)
    }
    half(0, upperInput)
    half(3, lowerInput)
  }

  /// Rows 0 and 2 of Aᵀm.
  @inline(__always)
  private static func evenOutput(_ m: Six) -> Two {
    let near = m[1] + m[2]
    let far = m[3] + m[4]
    return [m[0] + near + far, near.addingProduct(Channels(repeating: 4), far)]
  }

  /// Rows 1 and 3 of Aᵀm.
  @inline(__always)
  private static func oddOutput(_ m: Six) -> Two {
    let near = m[1] - m[2]
    let far = m[3] - m[4]
    return [
      near.addingProduct(Channels(repeating: 2), far),
      near.addingProduct(Channels(repeating: 8), far) + m[5],
    ]
  }

  @inline(__always)
  static func output(
    load: (_ row: Int, _ column: Int) -> Channels,
    store: (_ row: Int, _ column: Int, Channels) -> Void
  ) {
    @inline(__always) func half(_ first: Int, _ transform: (Six) -> Two) {
      @inline(__always) func column(_ column: Int) -> Two {
        transform([
          load(0, column), load(1, column), load(2, column), load(3, column), load(4, column),
          load(5, column),
        ])
      }
      let (c0, c1, c2) = (column(0), column(1), column(2))
      let (c3, c4, c5) = (column(3), column(4), column(5))
      @inline(__always) func row(_ row: Int) {
        let line: Six = [c0[row], c1[row], c2[row], c3[row], c4[row], c5[row]]
        let even = evenOutput(line)
        let odd = oddOutput(line)
        store(first + 2 * row, 0, even[0])
        store(first + 2 * row, 1, odd[0])
        store(first + 2 * row, 2, even[1])
        store(first + 2 * row, 3, odd[1])
      }
      row(0)
      row(1)
    }
    half(0, evenOutput)
    half(1, oddOutput)
  }

  /// Rows 0 to 2 of A·dy.
  @inline(__always)
  private static func upperOutputGradient(_ y: Four) -> Three {
    let even = y[0] + y[2]
    let odd = y[1] + y[3]
    return [y[0], even + odd, even - odd]
  }

  /// Rows 3 to 5 of A·dy.
  @inline(__always)
  private static func lowerOutputGradient(_ y: Four) -> Three {
    let even = y[0].addingProduct(Channels(repeating: 4), y[2])
    let odd = (y[1] + y[1]).addingProduct(Channels(repeating: 8), y[3])
    return [even + odd, even - odd, y[3]]
  }

  @inline(__always)
  static func outputGradient(
    load: (_ row: Int, _ column: Int) -> Channels,
    store: (_ row: Int, _ column: Int, Channels) -> Void
  ) {
    @inline(__always) func half(_ first: Int, _ transform: (Four) -> Three) {
      @inline(__always) func column(_ column: Int) -> Three {
        transform([load(0, column), load(1, column), load(2, column), load(3, column)])
      }
      let (c0, c1, c2, c3) = (column(0), column(1), column(2), column(3))
      @inline(__always) func row(_ row: Int) {
        let line: Four = [c0[row], c1[row], c2[row], c3[row]]
        let left = upperOutputGradient(line)
        let right = lowerOutputGradient(line)
        for column in 0..<3 { store(first + row, column, left[column]) }
        for column in 0..<3 { store(first + row, 3 + column, right[column]) }
      }
      row(0)
      row(1)
      row(2)
    }
    half(0, upperOutputGradient)
    half(3, lowerOutputGradient)
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
  private static func weights(_ g: InlineArray<3, Vector>) -> InlineArray<6, Vector> {
    let sixth = Vector(repeating: -1.0 / 6)
    let near = (g[0] + g[2]) * sixth
    let nearOdd = g[1] * sixth
    let far = (g[0] * Vector(repeating: 1.0 / 24)).addingProduct(-sixth, g[2])
    let farOdd = g[1] * Vector(repeating: 1.0 / 12)
    return [
      g[0] * Vector(repeating: 0.25), near + nearOdd, near - nearOdd, far + farOdd, far - farOdd,
      g[2],
    ]
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
  private static func weightGradient(_ m: InlineArray<6, Vector>) -> InlineArray<3, Vector> {
    let near = (m[1] + m[2]) * Vector(repeating: -1.0 / 6)
    let far = m[3] + m[4]
    return [
      near.addingProduct(Vector(repeating: 0.25), m[0])
        .addingProduct(Vector(repeating: 1.0 / 24), far),
      ((m[2] - m[1]) * Vector(repeating: 1.0 / 6))
        .addingProduct(Vector(repeating: 1.0 / 12), m[3] - m[4]),
      near.addingProduct(Vector(repeating: 1.0 / 6), far) + m[5],
    ]
  }
}
