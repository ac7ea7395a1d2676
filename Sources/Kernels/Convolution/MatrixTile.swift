/// Matrix products of tiles held in registers, for products with few columns: M = positions,
/// N = channels.

import CProcessor
import Tensors

/// A block of a product, `groups` · `rows` rows × `columns` · 16 columns, that stays in registers
/// while it is summed up.
///
/// 12 rows × 2 vectors are 24 of AVX-512's 32 registers: two loads of B and twelve broadcasts feed 24
/// fused multiply-adds, which runs at the core's peak. AVX2 (16 registers of 8) and NEON (32 of 4)
/// hold 6 × 1. The rows of a group share a pointer.
private struct MatrixTile<let groups: Int, let rows: Int, let columns: Int> {
  /// Computes as many tiles from `row` on as fit into the product's rows.
  ///
  /// - Parameter rowStride: the left factor's; a literal makes the rows' addresses constants.
  @inline(__always)
  static func fill(_ row: inout Int, _ product: PanelRows, rowStride: Int) {
    while row + groups * rows <= product.rows {
      if product.fetches { product.fetch(row + groups * rows..<row + 2 * groups * rows) }
      multiply(product, row, rowStride)
      row += groups * rows
    }
  }

  @inline(__always)
  private static func multiply(_ product: PanelRows, _ first: Int, _ rowStride: Int) {
    let cStride = product.cStride
    let c = product.c + first * cStride
    var sums = InlineArray<groups, InlineArray<rows, InlineArray<columns, Vector>>>(
      repeating: .init(repeating: .init(repeating: .zero)))
    if product.accumulate {
      for group in 0..<groups {
        for row in 0..<rows {
          for column in 0..<columns {
            sums[group][row][column] = c.vector(
              at: (group * rows + row) * cStride + column * Vector.lanes)
          }
        }
      }
    }
    var a = InlineArray<groups, UnsafePointer<Float>>(repeating: product.a.base)
    for group in 0..<groups {
      a[group] = independent_pointer(product.a.base + (first + group * rows) * rowStride)
    }
    var b = product.b
    for _ in 0..<product.segments {
      for _ in 0..<product.steps {
        var line = InlineArray<columns, Vector>(repeating: .zero)
        for column in 0..<columns { line[column] = b.vector(at: column * Vector.lanes) }
        for group in 0..<groups {
          for row in 0..<rows {
            let factor = Vector(repeating: a[group][row * rowStride])
            for column in 0..<columns {
              sums[group][row][column] = sums[group][row][column].addingProduct(
                factor, line[column])
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
          c.store(
            sums[group][row][column], at: (group * rows + row) * cStride + column * Vector.lanes)
        }
      }
    }
  }
}

/// A product of sixteen steps and columns: B stays in registers while A's rows pass by.
private enum SquareTile {
  static func multiply(_ product: PanelRows) {
    var lines = InlineArray<16, Vector>(repeating: .zero)
    for step in 0..<16 { lines[step] = product.b.vector(at: step * product.bStride) }
    var a = product.a.base
    var c = product.c
    for _ in 0..<product.rows {
      var sum = Vector(repeating: a[0]) * lines[0]
      for step in 1..<16 { sum = sum.addingProduct(Vector(repeating: a[step]), lines[step]) }
      c.store(sum, at: 0)
      a += product.a.rowStride
      c += product.cStride
    }
  }
}

/// The operands of 32 or 16 columns of a product.
private struct PanelRows {
  let rows: Int
  let segments: Int
  /// Steps of each segment.
  let steps: Int
  let a: LeftFactor
  let b: UnsafePointer<Float>
  /// Elements of B between steps.
  let bStride: Int
  let c: UnsafeMutablePointer<Float>
  let cStride: Int
  /// Add to C instead of overwriting it.
  let accumulate: Bool
  /// C is not in the caches.
  let fetches: Bool

  /// Elements of A from a segment's end to the next one's start.
  @inline(__always)
  var segmentSkip: Int { a.segmentStride - steps * a.stepStride }

  /// Sixteen of the columns.
  @inline(__always)
  func columns(from column: Int) -> PanelRows {
    PanelRows(
      rows: rows, segments: segments, steps: steps, a: a, b: b + column, bStride: bStride,
      c: c + column,
      cStride: cStride, accumulate: accumulate, fetches: fetches)
  }

  @inline(__always)
  func fetch(_ range: Range<Int>) {
    for row in range where row < rows {
      prefetchForWriting(c + row * cStride, 0..<bStride)
    }
  }
}

/// Where a product's left factor stands: element (row, step) at
/// `base[row·rowStride + segment·segmentStride + (step within the segment)·stepStride]`.
struct LeftFactor {
  let base: UnsafePointer<Float>
  let rowStride: Int
  let stepStride: Int
  /// Steps of a segment.
  let segmentSteps: Int
  let segmentStride: Int

  init(
    base: UnsafePointer<Float>, rowStride: Int, stepStride: Int, segmentSteps: Int = .max,
    segmentStride: Int = 0
  ) {
    self.base = base
    self.rowStride = rowStride
    self.stepStride = stepStride
    self.segmentSteps = segmentSteps
    self.segmentStride = segmentStride
  }

  /// A row-major matrix with `stride` elements between rows.
  static func rows(_ base: UnsafePointer<Float>, stride: Int) -> LeftFactor {
    LeftFactor(base: base, rowStride: stride, stepStride: 1)
  }

  /// The transpose of a row-major matrix with `stride` elements between rows.
  static func columns(_ base: UnsafePointer<Float>, stride: Int) -> LeftFactor {
    LeftFactor(base: base, rowStride: 1, stepStride: stride)
  }

  /// The factor from (row, step) on.
  @inline(__always)
  func from(row: Int, step: Int) -> LeftFactor {
    let (segment, within) = step.quotientAndRemainder(dividingBy: segmentSteps)
    return LeftFactor(
      base: base + (row * rowStride + segment * segmentStride + within * stepStride),
      rowStride: rowStride, stepStride: stepStride, segmentSteps: segmentSteps,
      segmentStride: segmentStride)
  }
}

/// Products C = A·B with B packed in panels.
///
/// Each element of C is one chain of fused multiply-adds over the steps in order, whatever the
/// blocking: results depend neither on the number of rows nor on how rows are divided into calls.
enum PanelProduct {
  /// Columns of a panel: two vectors. Of an odd number of vectors the last panel has one.
  static let panelColumns = 2 * Vector.lanes
  /// Steps for which a panel (32 KiB) stays in the first-level cache.
  private static let stepsPerBlock = 256
  /// Rows whose 256 steps (240 KiB) stay in the second-level cache while all panels pass by.
  private static let rowsPerBlock = 240

  /// The panel layout's offset of (step, column) in a matrix of `steps` × `columns`.
  @inline(__always)
  static func panelOffset(step: Int, column: Int, steps: Int, columns: Int) -> Int {
    let first = column / panelColumns * panelColumns
    let width = min(panelColumns, columns - first)
    return first * steps + step * width + (column - first)
  }

  /// C[m, n] (+)= A[m, k]·B[k, n].
  ///
  /// - Parameters:
  ///   - n: a multiple of 16.
  ///   - b: panels [n/32][k][32], then [k][16] where n is odd in vectors.
  ///   - outputIsCold: C is not in the caches: its lines are fetched a tile ahead.
  static func multiply(
    m: Int, n: Int, k: Int, a: LeftFactor, b: UnsafePointer<Float>,
    c: UnsafeMutablePointer<Float>, cStride: Int, accumulate: Bool = false,
    outputIsCold: Bool = false
  ) {
    for row in stride(from: 0, to: m, by: rowsPerBlock) {
      var step = 0
      repeat {
        let (segments, steps) = block(at: step, of: k, segmentSteps: a.segmentSteps)
        for column in stride(from: 0, to: n, by: panelColumns) {
          let width = min(panelColumns, n - column)
          multiply(
            PanelRows(
              rows: min(rowsPerBlock, m - row), segments: segments, steps: steps,
              a: a.from(row: row, step: step), b: b + column * k + step * width, bStride: width,
              c: c + row * cStride + column, cStride: cStride,
              accumulate: accumulate || step > 0, fetches: outputIsCold && step == 0))
        }
        step += segments * steps
      } while step < k
    }
  }

  /// The steps from `step` on that are one block: whole segments, or a part of one.
  @inline(__always)
  private static func block(
    at step: Int, of k: Int, segmentSteps: Int
  ) -> (segments: Int, steps: Int) {
    if segmentSteps >= k { return (1, min(stepsPerBlock, k - step)) }
    if segmentSteps <= stepsPerBlock {
      return (min(stepsPerBlock, k - step) / segmentSteps, segmentSteps)
    }
    return (1, min(stepsPerBlock, segmentSteps - step % segmentSteps))
  }

  /// Packs a row-major matrix of `columns` columns, a multiple of 16, into panels.
  static func pack(
    _ source: UnsafePointer<Float>, rowStride: Int, rows: Int, columns: Int,
    into panels: UnsafeMutablePointer<Float>
  ) {
    for column in stride(from: 0, to: columns, by: Vector.lanes) {
      for row in 0..<rows {
        panels.store(
          source.vector(at: row * rowStride + column),
          at: panelOffset(step: row, column: column, steps: rows, columns: columns))
      }
    }
  }

  /// Packs the transpose of a row-major matrix of `columns` rows of `rows` elements into panels, with
  /// zeros up to whole vectors of columns.
  static func packTransposed(
    _ source: UnsafePointer<Float>, rowStride: Int, rows: Int, columns: Int,
    into panels: UnsafeMutablePointer<Float>
  ) {
    let whole = CacheLine.whole(floats: columns)
    for column in 0..<whole {
      for row in 0..<rows {
        panels[panelOffset(step: row, column: column, steps: rows, columns: whole)] =
          column < columns ? source[column * rowStride + row] : 0
      }
    }
  }

  @inline(__always)
  private static func multiply(_ panel: PanelRows) {
    if panel.bStride == Vector.lanes {
      multiplyNarrow(panel)
    } else if has_wide_registers() {
      multiplyWide(panel)
    } else {
      multiplyNarrow(panel.columns(from: 0))
      multiplyNarrow(panel.columns(from: Vector.lanes))
    }
  }

  @inline(never)
  private static func multiplyWide(_ panel: PanelRows) {
    if panel.a.rowStride == 1 {
      fillWide(panel, rowStride: 1)
    } else {
      fillWide(panel, rowStride: panel.a.rowStride)
    }
  }

  @inline(__always)
  private static func fillWide(_ panel: PanelRows, rowStride: Int) {
    var row = 0
    MatrixTile<3, 4, 2>.fill(&row, panel, rowStride: rowStride)
    MatrixTile<2, 4, 2>.fill(&row, panel, rowStride: rowStride)
    MatrixTile<1, 4, 2>.fill(&row, panel, rowStride: rowStride)
    MatrixTile<1, 1, 2>.fill(&row, panel, rowStride: rowStride)
  }

  @inline(never)
  private static func multiplyNarrow(_ panel: PanelRows) {
    if has_wide_registers(), panel.steps == 16, panel.segments == 1,
      panel.a.stepStride == 1, !panel.accumulate
    {
      SquareTile.multiply(panel)
    } else if panel.a.rowStride == 1 {
      fillNarrow(panel, rowStride: 1)
    } else {
      fillNarrow(panel, rowStride: panel.a.rowStride)
    }
  }

  @inline(__always)
  private static func fillNarrow(_ panel: PanelRows, rowStride: Int) {
    var row = 0
    if has_wide_registers() {
      // Sixteen rows' addresses fit into registers where they are one pointer's neighbours.
      if rowStride == 1 { MatrixTile<4, 4, 1>.fill(&row, panel, rowStride: rowStride) }
      MatrixTile<2, 4, 1>.fill(&row, panel, rowStride: rowStride)
    } else {
      MatrixTile<2, 3, 1>.fill(&row, panel, rowStride: rowStride)
    }
    MatrixTile<1, 4, 1>.fill(&row, panel, rowStride: rowStride)
    MatrixTile<1, 1, 1>.fill(&row, panel, rowStride: rowStride)
  }
}
