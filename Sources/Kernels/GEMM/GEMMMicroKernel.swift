/// The micro-kernel of `PackedGEMM`: blocks of a product that are held in registers.

import CProcessor
import Tensors

/// A block of a product, `groups` · `rows` rows × `columns` · 16 columns, that stays in registers
/// while it is summed up.
///
/// 12 rows × 2 vectors are 24 of AVX-512's 32 registers: two loads of B and twelve broadcasts feed 24
/// fused multiply-adds, which runs at the core's peak. AVX2 (16 registers of 8) and NEON (32 of 4)
/// hold 6 × 1. The rows of a group share a pointer.
struct GEMMMicroKernel<let groups: Int, let rows: Int, let columns: Int> {
  private typealias Sums = InlineArray<groups, InlineArray<rows, InlineArray<columns, Vector>>>

  /// Computes as many tiles from `row` on as fit into the product's rows.
  ///
  /// - Parameter rowStride: that of A; a literal makes the rows' addresses constants.
  @inline(__always)
  static func fill<Factor: VectorFactor, Result>(
    _ row: inout Int, _ product: PanelRows<Factor, Result>, rowStride: Int
  ) {
    while row + groups * rows <= product.rows {
      let next = row + groups * rows
      if product.fetches { product.fetchOutputs(next..<next + groups * rows) }
      if product.nextPanel != nil { product.fetchNextPanel(row..<next) }
      multiply(product, row, rowStride)
      row += groups * rows
    }
  }

  @inline(__always)
  private static func multiply<Factor: VectorFactor, Result>(
    _ product: PanelRows<Factor, Result>, _ first: Int, _ rowStride: Int
  ) {
    let cStride = product.cStride
    let c = product.c + first * cStride
    var sums = Sums(repeating: .init(repeating: .init(repeating: .zero)))
    if product.accumulate {
      for group in 0..<groups {
        for row in 0..<rows {
          for column in 0..<columns {
            sums[group][row][column] = Vector(
              c, at: (group * rows + row) * cStride + column * Vector.lanes)
          }
        }
      }
    }
    var a = InlineArray<groups, UnsafePointer<Factor>>(repeating: product.a.base)
    for group in 0..<groups {
      a[group] = independent(product.a.base + (first + group * rows) * rowStride)
    }
    var b = product.b
    for _ in 0..<product.segments {
      for _ in 0..<product.steps {
        var line = InlineArray<columns, Factor.Wide>(repeating: Factor.zero)
        for column in 0..<columns { line[column] = Factor.wide(b, at: column * Vector.lanes) }
        for group in 0..<groups {
          for row in 0..<rows {
            let factor = a[group][row * rowStride].broadcast
            for column in 0..<columns {
              sums[group][row][column] = Factor.addProducts(
                sums[group][row][column], factor, line[column])
            }
          }
        }
        for group in 0..<groups { a[group] += product.a.stepStride }
        b += product.bStride
      }
      for group in 0..<groups { a[group] += product.segmentSkip }
    }
    for group in 0..<groups {
      for row in 0..<rows {
        for column in 0..<columns {
          sums[group][row][column].store(
            to: c, at: (group * rows + row) * cStride + column * Vector.lanes)
        }
      }
    }
  }
}

/// A product of sixteen steps and columns: B stays in registers for all rows of A.
enum SquareTile {
  static func multiply<Factor: VectorFactor, Result>(_ product: PanelRows<Factor, Result>) {
    var lines = InlineArray<16, Factor.Wide>(repeating: Factor.zero)
    for step in 0..<16 { lines[step] = Factor.wide(product.b, at: step * product.bStride) }
    var a = product.a.base
    var c = product.c
    for _ in 0..<product.rows {
      var sum = Vector.zero
      for step in 0..<16 { sum = Factor.addProducts(sum, a[step].broadcast, lines[step]) }
      sum.store(to: c, at: 0)
      a += product.a.rowStride
      c += product.cStride
    }
  }
}

/// The operands of 32 or 16 columns of a product.
struct PanelRows<Factor: ProductFactor, Result: KernelElement> {
  let rows: Int
  let segments: Int
  /// Steps of each segment.
  let steps: Int
  let a: OperandA<Factor>
  let b: UnsafePointer<Factor>
  /// Factors of B between steps.
  let bStride: Int
  let c: UnsafeMutablePointer<Result>
  let cStride: Int
  /// Add to C instead of overwriting it.
  let accumulate: Bool
  /// C is not in the caches.
  let fetches: Bool
  /// The panel of B that is multiplied next, where it is not in the caches.
  let nextPanel: UnsafePointer<Factor>?

  /// Factors of A from a segment's end to the next one's start.
  @inline(__always)
  var segmentSkip: Int { a.segmentStride - steps * a.stepStride }

  /// Sixteen of the columns.
  @inline(__always)
  func columns(from column: Int) -> PanelRows {
    PanelRows(
      rows: rows, segments: segments, steps: steps, a: a, b: b + column, bStride: bStride,
      c: c + column,
      cStride: cStride, accumulate: accumulate, fetches: fetches, nextPanel: nil)
  }

  @inline(__always)
  func fetchOutputs(_ range: Range<Int>) {
    for row in range where row < rows {
      prefetchForWriting(c + row * cStride, 0..<bStride)
    }
  }

  /// Prefetches the share of the next panel that belongs to the rows `range`. Inlined, it would make `fill`
  /// too long for the compiler to inline where the row stride is known.
  @inline(never)
  func fetchNextPanel(_ range: Range<Int>) {
    guard let nextPanel else { return }
    let lines = segments * steps * bStride / Vector.lanes
    for line in range.lowerBound * lines / rows..<range.upperBound * lines / rows {
      prefetch_for_reading(nextPanel + line * Vector.lanes)
    }
  }
}
