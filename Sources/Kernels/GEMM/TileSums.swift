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
    let initial = isZero ? nil : UnsafePointer(present)
    let isAdded =
      Self.usesTiles
      && Self.addInTiles(
        initial, next, a, aStride, b, bStride, groups: groups, rows: rows, columns: columns)
    if !isAdded {
      Self.addInVectors(
        initial, next, a, aStride, b, bStride, groups: groups, rows: rows, columns: columns)
    }
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

  private static func addInTiles(
    _ initial: UnsafePointer<Float>?, _ result: UnsafeMutablePointer<Float>,
    _ a: UnsafePointer<BFloat16TilePair>, _ aStride: Int, _ b: UnsafePointer<BFloat16TilePair>,
    _ bStride: Int, groups: Int, rows: Int, columns: Int
  ) -> Bool {
    let bytes = MemoryLayout<BFloat16TilePair>.stride
    return add_tile_products(
      initial, result, a, aStride * bytes, b, bStride * bytes, Int32(groups), Int32(rows),
      columns > Vector.lanes)
  }

  /// The same by multiply-adds, which flush subnormal numbers.
  private static func addInVectors(
    _ initial: UnsafePointer<Float>?, _ result: UnsafeMutablePointer<Float>,
    _ a: UnsafePointer<BFloat16TilePair>, _ aStride: Int, _ b: UnsafePointer<BFloat16TilePair>,
    _ bStride: Int, groups: Int, rows: Int, columns: Int
  ) {
    let operands = TileOperands(
      initial: initial, result: result, sumsStride: stride, a: a, aStride: aStride, b: b,
      bStride: bStride, groups: groups)
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
    func pairs(_ count: Int) -> [BFloat16TilePair] {
      (0..<count).map { _ in
        func element() -> UInt32 {
          state = state &* 1_664_525 &+ 1_013_904_223
          // Sign and fraction at random, exponents of 2⁻⁶⁸ to 2⁻⁵³ and of 2⁻⁸ to 2⁷.
          let exponent = (state >> 8 & 15) + (state >> 12 & 3 == 0 ? 59 : 119)
          return (state >> 31) << 15 | exponent << 7 | state >> 16 & 0x7f
        }
        return BFloat16TilePair(bitPattern: element() | element() << 16)
      }
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
          let initial = begins ? initial.baseAddress : nil
          addInVectors(
            initial, &results[0], a, steps, b, stride, groups: groups, rows: rows,
            columns: columns)
          return addInTiles(
            initial, &results[1], a, steps, b, stride, groups: groups, rows: rows,
            columns: columns)
        }
        let isEqual = zip(results[0], results[1]).allSatisfy { $0.bitPattern == $1.bitPattern }
        if !isComputed || !isEqual { return false }
      }
    }
    release_tiles()
    return true
  }
}
