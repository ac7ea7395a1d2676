/// TDPBF16PS by fused multiply-adds.

import Tensors

/// What a block of a `TileProduct` is computed from. Strides count factors.
struct TileOperands {
  let initial: UnsafePointer<Float>?
  let result: UnsafeMutablePointer<Float>
  let sumsStride: Int
  let a: UnsafePointer<BFloat16TilePair>
  let aStride: Int
  let b: UnsafePointer<BFloat16TilePair>
  let bStride: Int
  /// Of sixteen steps.
  let groups: Int
}

/// `rows` rows × `columns` · 16 columns of a block, whose sums stay in registers: 4 × 2 vectors of even and of odd
/// elements are sixteen of AVX-512's.
struct TileVectors<let rows: Int, let columns: Int> {
  private typealias Sums = InlineArray<rows, InlineArray<columns, Vector>>

  /// Computes as many rows from `row` on as fit into `all`.
  @inline(__always)
  static func fill(_ row: inout Int, of all: Int, _ operands: TileOperands) {
    while row + rows <= all {
      add(operands, row)
      row += rows
    }
  }

  @inline(never)
  private static func add(_ operands: TileOperands, _ first: Int) {
    let sumsStart = first * operands.sumsStride
    let steps = TileProduct.groupSteps
    var a = operands.a + first * operands.aStride
    var b = operands.b
    var source = operands.initial.map { $0 + sumsStart }
    let result = operands.result + sumsStart
    for _ in 0..<operands.groups {
      var even = Sums(repeating: .init(repeating: .zero))
      var odd = Sums(repeating: .init(repeating: .zero))
      for step in 0..<steps {
        var evenB = InlineArray<columns, Vector>(repeating: .zero)
        var oddB = InlineArray<columns, Vector>(repeating: .zero)
        for column in 0..<columns {
          let pairs = BFloat16TilePair.wide(b, at: column * Vector.lanes)
          evenB[column] = elements(0, of: pairs)
          oddB[column] = elements(1, of: pairs)
        }
        for row in 0..<rows {
          let pairs = SIMD16<UInt32>(repeating: a[row * operands.aStride + step].bitPattern)
          let (evenA, oddA) = (elements(0, of: pairs), elements(1, of: pairs))
          for column in 0..<columns {
            even[row][column] = even[row][column].addingProduct(evenA, evenB[column])
            odd[row][column] = odd[row][column].addingProduct(oddA, oddB[column])
          }
        }
        b += operands.bStride
      }
      for row in 0..<rows {
        for column in 0..<columns {
          let index = row * operands.sumsStride + column * Vector.lanes
          let before = source?.vector(at: index) ?? .zero
          result.store(before + (even[row][column] + odd[row][column]), at: index)
        }
      }
      source = UnsafePointer(result)
      a += steps
    }
  }

  /// The first or second elements of pairs.
  @inline(__always)
  private static func elements(_ element: Int, of pairs: SIMD16<UInt32>) -> Vector {
    unsafeBitCast(element == 0 ? pairs &<< 16 : pairs & 0xffff_0000, to: Vector.self)
  }
}
