/// Winograd's minimal filtering F(m×m, 3×3) (Lavin & Gray 2016, arXiv 1509.09308, §4) as an interface of its
/// transforms, sixteen channels or fewer at a time.
///
/// With d an input tile of (m + 2)×(m + 2), g a 3×3 filter and y the m×m outputs:
///   y  = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A
///   dg = Gᵀ[(Bᵀ d B) ⊙ (A dy Aᵀ)]G
/// so one input transform serves the forward pass and the weight gradient.

import Tensors

/// One m and the numbers that its products multiply.
protocol WinogradTransform {
  /// Of transformed tiles and filters.
  associatedtype Number: KernelElement

  /// For layer tables, such as "Winograd".
  static var name: String { get }

  /// m: outputs along a tile's side.
  static var outputSide: Int { get }

  /// The error of a result's sums, at most, in those of a direct sum.
  static var errorGrowth: Double { get }

  /// What rounding the numbers adds to a result's error, relative to the largest result, at most.
  static var numberError: Double { get }

  /// Bᵀ d B of an input tile.
  static func input(
    load: (_ row: Int, _ column: Int) -> WinogradChannels,
    store: (_ row: Int, _ column: Int, WinogradChannels) -> Void)

  /// Aᵀ m A of a tile's products.
  static func output(
    load: (_ row: Int, _ column: Int) -> WinogradChannels,
    store: (_ row: Int, _ column: Int, WinogradChannels) -> Void)

  /// A dy Aᵀ of the gradients of a tile's outputs.
  static func outputGradient(
    load: (_ row: Int, _ column: Int) -> WinogradChannels,
    store: (_ row: Int, _ column: Int, WinogradChannels) -> Void)

  /// G g Gᵀ of sixteen filters.
  ///
  /// - Parameter half: from `WinogradScratch.withAligned`.
  static func weights(
    _ half: UnsafeMutablePointer<Float>, load: (_ row: Int, _ column: Int) -> Vector,
    store: (_ row: Int, _ column: Int, Vector) -> Void)

  /// Gᵀ m G, the gradient of sixteen filters.
  ///
  /// - Parameter half: from `WinogradScratch.withAligned`.
  static func weightGradient(
    _ half: UnsafeMutablePointer<Float>, load: (_ row: Int, _ column: Int) -> Vector,
    store: (_ row: Int, _ column: Int, Vector) -> Void)
}

#if arch(arm64)
  /// One of NEON's 32 registers; sixteen channels would take four for each element of a square.
  typealias WinogradChannels = SIMD4<Float>
#else
  /// The channels that a tile's transform takes at a time.
  typealias WinogradChannels = Vector
#endif

extension WinogradTransform {
  typealias Channels = WinogradChannels
  typealias Factor = Number.Factor

  /// Inputs along a tile's side; its square is the number of products a tile takes.
  @inline(__always) static var inputSide: Int { outputSide + 2 }
  @inline(__always) static var positions: Int { inputSide * inputSide }

  /// Floats of scratch that `count` numbers take.
  @inline(__always)
  static func floats(_ count: Int) -> Int { Number.elementType.floats(count) }

  /// Calls `body` with the first channel of each `Channels` of sixteen.
  @inline(__always)
  static func forEachPart(_ body: (_ channel: Int) -> Void) {
    for channel in stride(from: 0, to: Vector.lanes, by: Channels.scalarCount) { body(channel) }
  }

  /// Writes U = G g Gᵀ of sixteen filters for each element of a factor, `stride` factors between positions.
  @inline(__always)
  static func weights(
    _ buffer: UnsafeMutablePointer<Float>, to target: UnsafeMutablePointer<Factor>, stride: Int,
    load: (_ element: Int, _ row: Int, _ column: Int) -> Vector
  ) {
    let first = buffer + WinogradScratch.firsts
    if Factor.elements == 2 {
      weights(buffer) {
        load(0, $0, $1)
      } store: { row, column, value in
        first.store(value, at: (inputSide * row + column) * Vector.lanes)
      }
    }
    weights(buffer) {
      load(Factor.elements - 1, $0, $1)
    } store: { row, column, value in
      let position = inputSide * row + column
      // Where a factor has one element it is the first.
      let before = Factor.elements == 2 ? first.vector(at: position * Vector.lanes) : value
      Factor.store(Factor.combine(before, value), to: target, at: position * stride)
    }
  }

  /// Applies a one-dimensional transform to the columns and then to the rows of a square.
  ///
  /// - Parameters:
  ///   - half: scratch, from `WinogradScratch.withAligned`.
  ///   - load: the element at (row, column).
  ///   - store: takes the result's element at (row, column).
  @inline(__always)
  static func transform2D<let from: Int, let to: Int>(
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
}

/// Scratch of the transforms of filters.
enum WinogradScratch {
  /// Floats of half a transform, of which F(4×4) needs most.
  static let firsts = 36 * Vector.lanes

  /// Calls `body` with scratch for what does not fit into registers, aligned to cache lines: a square half
  /// transformed and, from `firsts` on, the transformed filter that is the first of a pair.
  ///
  /// Swift aligns its stack to 16 bytes, so vectors of 64 would straddle lines, which takes 2.5 times
  /// as long.
  @inline(__always)
  static func withAligned(_ body: (UnsafeMutablePointer<Float>) -> Void) {
    var buffer = InlineArray<1168, Float>(repeating: 0)
    withUnsafeMutablePointer(to: &buffer) { buffer in
      body(
        UnsafeMutableRawPointer(buffer).alignedUp(toMultipleOf: 64)
          .assumingMemoryBound(to: Float.self))
    }
  }

  /// The same with space for 9 × 16 × 16 weights.
  @inline(__always)
  static func withTransposedFilters(
    _ body: (
      _ transposed: UnsafeMutablePointer<Float>, _ buffer: UnsafeMutablePointer<Float>
    ) -> Void
  ) {
    var transposed = InlineArray<2304, Float>(repeating: 0)
    withUnsafeMutablePointer(to: &transposed) { transposed in
      let transposed = UnsafeMutableRawPointer(transposed).assumingMemoryBound(to: Float.self)
      withAligned { body(transposed, $0) }
    }
  }
}

extension ChannelBlocks {
  /// Sixteen by sixteen 3×3 filters, rotated and transposed: [9][output][input].
  @inline(__always)
  func rotatedFilters(
    _ source: UnsafePointer<Float>, block: Int, input: Int, output: Int,
    into target: UnsafeMutablePointer<Float>
  ) {
    for position in 0..<9 {
      transposedWeights(
        source, block: block, position: 8 - position, input: input, output: output,
        into: target + position * 256)
    }
  }
}
