/// The transforms of Winograd's minimal filtering F(4×4, 3×3) (Lavin & Gray 2016, arXiv 1509.09308,
/// §4.3), sixteen channels at a time.
///
/// With d a 6×6 input tile, g a 3×3 filter and y the 4×4 outputs:
///   y  = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A
///   dg = Gᵀ[(Bᵀ d B) ⊙ (A dy Aᵀ)]G
/// so one input transform serves the forward pass and the weight gradient.

enum WinogradTransforms {
  /// Outputs along a tile's side.
  static let outputSide = 4
  /// Inputs along a tile's side; its square is the number of products a tile takes.
  static let inputSide = 6
  static let positions = inputSide * inputSide

  typealias Six = InlineArray<6, Vector>
  typealias Four = InlineArray<4, Vector>
  typealias Three = InlineArray<3, Vector>

  /// Bᵀd.
  @inline(__always)
  static func input(_ d: Six) -> Six {
    let four = Vector(repeating: 4)
    let even = d[4].addingProduct(-four, d[2])
    let odd = d[3].addingProduct(-four, d[1])
    let outer = d[4] - d[2]
    let inner = (d[3] - d[1]) + (d[3] - d[1])
    let five = Vector(repeating: -5)
    return [
      d[4].addingProduct(five, d[2]).addingProduct(four, d[0]),
      even + odd,
      even - odd,
      outer + inner,
      outer - inner,
      d[5].addingProduct(five, d[3]).addingProduct(four, d[1]),
    ]
  }

  /// Aᵀm.
  @inline(__always)
  static func output(_ m: Six) -> Four {
    let near = m[1] + m[2]
    let far = m[3] + m[4]
    let nearDifference = m[1] - m[2]
    let farDifference = m[3] - m[4]
    return [
      m[0] + near + far,
      nearDifference.addingProduct(Vector(repeating: 2), farDifference),
      near.addingProduct(Vector(repeating: 4), far),
      nearDifference.addingProduct(Vector(repeating: 8), farDifference) + m[5],
    ]
  }

  /// A·dy.
  @inline(__always)
  static func outputGradient(_ y: Four) -> Six {
    let even = y[0] + y[2]
    let odd = y[1] + y[3]
    let farEven = y[0].addingProduct(Vector(repeating: 4), y[2])
    let farOdd = (y[1] + y[1]).addingProduct(Vector(repeating: 8), y[3])
    return [y[0], even + odd, even - odd, farEven + farOdd, farEven - farOdd, y[3]]
  }

  /// G·g.
  @inline(__always)
  static func weights(_ g: Three) -> Six {
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

  /// Gᵀm.
  @inline(__always)
  static func weightGradient(_ m: Six) -> Three {
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

  /// Applies a one-dimensional transform to the columns and then to the rows of a square.
  ///
  /// - Parameters:
  ///   - half: room for 36 vectors, from `withRoom`.
  ///   - load: the element at (row, column).
  ///   - store: takes the result's element at (row, column).
  @inline(__always)
  static func twice<let from: Int, let to: Int>(
    _ half: UnsafeMutablePointer<Float>,
    _ transform: (InlineArray<from, Vector>) -> InlineArray<to, Vector>,
    load: (_ row: Int, _ column: Int) -> Vector,
    store: (_ row: Int, _ column: Int, Vector) -> Void
  ) {
    for column in 0..<from {
      var line = InlineArray<from, Vector>(repeating: .zero)
      for row in 0..<from { line[row] = load(row, column) }
      let result = transform(line)
      for row in 0..<to { half.store(result[row], at: (row * from + column) * Vector.lanes) }
    }
    for row in 0..<to {
      var line = InlineArray<from, Vector>(repeating: .zero)
      for column in 0..<from {
        line[column] = half.vector(at: (row * from + column) * Vector.lanes)
      }
      let result = transform(line)
      for column in 0..<to { store(row, column, result[column]) }
    }
  }

  /// Calls `body` with room for what does not fit into registers, aligned to cache lines.
  ///
  /// Swift aligns its stack to 16 bytes, so vectors of 64 would straddle lines, which takes 2.5 times
  /// as long.
  @inline(__always)
  static func withRoom(_ body: (UnsafeMutablePointer<Float>) -> Void) {
    var room = InlineArray<592, Float>(repeating: 0)
    withUnsafeMutablePointer(to: &room) { room in
      body(
        UnsafeMutableRawPointer(room).alignedUp(toMultipleOf: 64)
          .assumingMemoryBound(to: Float.self))
    }
  }
}
