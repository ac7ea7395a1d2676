/// The sums of one block of a `TileProduct`.

import CProcessor
import Tensors

/// Up to 32 rows and 32 or 16 columns, in this thread's scratch.
struct TileSums {
  private static let stride = Int(tile_sums_stride)
  private static let count = TileProduct.blockRows * stride

  /// Whether the processor's tiles are used: where it has them and they give the bits of vectors.
  static let usesTiles = may_use_tiles() && tilesAgree()

  private let rows: Int
  private let columns: Int
  private var present = tile_scratch()
  private var next = tile_scratch() + count
  private var isZero = true

  init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
  }

  // MARK: Begin and end

  /// Calls `body(row, column, index)` for each vector of sixteen columns.
  @inline(__always)
  private func forEachVector(_ body: (_ row: Int, _ column: Int, _ index: Int) -> Void) {
    for row in 0..<rows {
      for column in Swift.stride(from: 0, to: columns, by: Vector.lanes) {
        body(row, column, row * Self.stride + column)
      }
    }
  }

  /// Begins with what C holds.
  @inline(__always)
  mutating func begin(_ value: (_ row: Int, _ column: Int) -> Vector) {
    forEachVector { present.store(value($0, $1), at: $2) }
    isZero = false
  }

  /// Hands the sums over.
  @inline(__always)
  func end(_ body: (_ row: Int, _ column: Int, _ value: Vector) -> Void) {
    forEachVector { body($0, $1, isZero ? .zero : present.vector(at: $2)) }
  }

  // MARK: Groups

  /// Adds the products of whole groups; strides count factors.
  mutating func add(
    _ a: UnsafePointer<BFloat16TilePair>, stride aStride: Int,
    _ b: UnsafePointer<BFloat16TilePair>, stride bStride: Int, groups: Int
  ) {
    let operands = TileOperands(
      initial: isZero ? nil : UnsafePointer(present), result: next, sumsStride: Self.stride, a: a,
      aStride: aStride, b: b, bStride: bStride, groups: groups)
    let isAdded = Self.usesTiles && Self.addInTiles(operands, rows: rows, columns: columns)
    if !isAdded { Self.addInVectors(operands, rows: rows, columns: columns) }
    swap(&present, &next)
    isZero = false
  }

  /// Adds the products of a group of fewer steps, which is completed with zeros.
  mutating func addRest(
    _ a: UnsafePointer<BFloat16TilePair>, stride aStride: Int,
    _ b: UnsafePointer<BFloat16TilePair>, steps: Int
  ) {
    let group = TileProduct.groupSteps
    let wholeA = UnsafeMutableRawPointer(tile_scratch() + 2 * Self.count)
      .assumingMemoryBound(to: BFloat16TilePair.self)
    let wholeB = wholeA + TileProduct.blockRows * group
    for row in 0..<rows {
      let target = wholeA + row * group
      BFloat16TilePair.store(.zero, to: target, at: 0)
      for step in 0..<steps { target[step] = a[row * aStride + step] }
    }
    for index in Swift.stride(from: 0, to: group * columns, by: Vector.lanes) {
      BFloat16TilePair.store(
        index < steps * columns ? BFloat16TilePair.wide(b, at: index) : .zero, to: wholeB,
        at: index)
    }
    add(wholeA, stride: group, wholeB, stride: columns, groups: 1)
  }

  private static func addInTiles(_ operands: TileOperands, rows: Int, columns: Int) -> Bool {
    let bytes = MemoryLayout<BFloat16TilePair>.stride
    return add_tile_products(
      operands.initial, operands.result, operands.a, operands.aStride * bytes, operands.b,
      operands.bStride * bytes, Int32(operands.groups), Int32(rows), columns > Vector.lanes)
  }

  /// The same by multiply-adds, which flush subnormal numbers.
  private static func addInVectors(_ operands: TileOperands, rows: Int, columns: Int) {
    var row = 0
    if columns > Vector.lanes {
      TileVectors<4, 2>.fill(&row, of: rows, operands)
      TileVectors<1, 2>.fill(&row, of: rows, operands)
    } else {
      TileVectors<4, 1>.fill(&row, of: rows, operands)
      TileVectors<1, 1>.fill(&row, of: rows, operands)
    }
  }

  // MARK: The processor's tiles

  /// Whether tiles give the bits of vectors, in each form of a block, of numbers whose sums are rounded, cancel and
  /// become subnormal.
  private static func tilesAgree() -> Bool {
    let groups = 3
    let steps = groups * TileProduct.groupSteps
    var state: UInt32 = 1
    func pairs(_ count: Int) -> AlignedBuffer<BFloat16TilePair> {
      let pairs = AlignedBuffer<BFloat16TilePair>(count: count)
      for index in 0..<count {
        func element() -> UInt32 {
          state = state &* 1_664_525 &+ 1_013_904_223
          // Sign and fraction at random, exponents of 2⁻⁶⁸ to 2⁻⁵³ and of 2⁻⁸ to 2⁷.
          let exponent = (state >> 8 & 15) + (state >> 12 & 3 == 0 ? 59 : 119)
          return (state >> 31) << 15 | exponent << 7 | state >> 16 & 0x7f
        }
        pairs.pointer[index] = BFloat16TilePair(bitPattern: element() | element() << 16)
      }
      return pairs
    }
    let a = pairs(TileProduct.blockRows * steps)
    let b = pairs(steps * stride)
    let subnormals = flush_subnormals()
    defer { restore_subnormals(subnormals) }
    // Not in this thread's scratch: a product may have begun.
    let initial = (0..<count).map { Float($0 % 7) - 3 }
    for (rows, columns) in [(32, 32), (32, 16), (19, 32), (16, 32), (7, 16), (1, 32)] {
      for begins in [false, true] {
        var results = [[Float]](repeating: [Float](repeating: 0, count: count), count: 2)
        let isComputed = initial.withUnsafeBufferPointer { initial in
          func operands(_ result: UnsafeMutablePointer<Float>) -> TileOperands {
            TileOperands(
              initial: begins ? initial.baseAddress : nil, result: result, sumsStride: stride,
              a: a.pointer, aStride: steps, b: b.pointer, bStride: stride, groups: groups)
          }
          results[0].withUnsafeMutableBufferPointer {
            addInVectors(operands($0.baseAddress!), rows: rows, columns: columns)
          }
          return results[1].withUnsafeMutableBufferPointer {
            addInTiles(operands($0.baseAddress!), rows: rows, columns: columns)
          }
        }
        let isEqual = zip(results[0], results[1]).allSatisfy { $0.bitPattern == $1.bitPattern }
        if !isComputed || !isEqual { return false }
      }
    }
    release_tiles()
    return true
  }
}
