/// Matrix products of tiles held in registers, for products with few columns: M = positions,
/// N = channels.

import CProcessor
import Tensors

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
  /// Elements of B, 1 MiB, from which on it does not stay in the second-level cache.
  private static let largePanels = 256 * 1024
  /// Rows that take long enough to fetch a panel meanwhile.
  private static let leastRowsToFetch = 128

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
    let fetchesPanels = m >= leastRowsToFetch && n * k >= largePanels
    for row in stride(from: 0, to: m, by: rowsPerBlock) {
      var step = 0
      repeat {
        let (segments, steps) = block(at: step, of: k, segmentSteps: a.segmentSteps)
        for column in stride(from: 0, to: n, by: panelColumns) {
          let width = min(panelColumns, n - column)
          let next = column + panelColumns
          multiply(
            PanelRows(
              rows: min(rowsPerBlock, m - row), segments: segments, steps: steps,
              a: a.from(row: row, step: step), b: b + column * k + step * width, bStride: width,
              c: c + row * cStride + column, cStride: cStride,
              accumulate: accumulate || step > 0, fetches: outputIsCold && step == 0,
              nextPanel: fetchesPanels && next < n
                ? b + next * k + step * min(panelColumns, n - next) : nil))
        }
        step += segments * steps
      } while step < k
    }
  }

  /// Rows of the tiles into which `multiplyTransposed` packs its left factor.
  private static let packedRows = 12

  /// Floats of scratch of `multiplyTransposed`.
  static var packedCount: Int {
    rowsPerBlock / packedRows * packedStride(steps: stepsPerBlock) + Vector.lanes
  }

  /// Elements of a packed tile, and what a vector writes beyond its end.
  @inline(__always)
  private static func packedStride(steps: Int) -> Int {
    packedRows * steps + Vector.lanes - packedRows
  }

  /// C[m, n] (+)= A[k, m]ᵀ·B[k, n] for a C that is too large for the caches, as `multiply` of `.columns`.
  ///
  /// A's columns would lie pages apart; packed, a tile's come one after the other.
  /// - Parameter packed: `packedCount` floats of scratch.
  static func multiplyTransposed(
    m: Int, n: Int, k: Int, a: UnsafePointer<Float>, aStride: Int, b: UnsafePointer<Float>,
    c: UnsafeMutablePointer<Float>, cStride: Int, accumulate: Bool,
    packed: UnsafeMutablePointer<Float>
  ) {
    for row in stride(from: 0, to: m, by: rowsPerBlock) {
      let rows = row..<min(row + rowsPerBlock, m)
      for step in stride(from: 0, to: k, by: stepsPerBlock) {
        let steps = min(stepsPerBlock, k - step)
        packTiles(
          a + step * aStride, stride: aStride, rows: rows, of: m, steps: steps, into: packed)
        for column in stride(from: 0, to: n, by: panelColumns) {
          let width = min(panelColumns, n - column)
          for (tile, first) in stride(from: row, to: rows.upperBound, by: packedRows).enumerated() {
            let target = c + first * cStride + column
            for next in packedRows..<2 * packedRows where first + next < rows.upperBound {
              prefetchForWriting(target + next * cStride, 0..<width)
            }
            multiply(
              PanelRows(
                rows: min(packedRows, rows.upperBound - first), segments: 1, steps: steps,
                a: LeftFactor(
                  base: packed + tile * packedStride(steps: steps), rowStride: 1,
                  stepStride: packedRows),
                b: b + column * k + step * width, bStride: width, c: target, cStride: cStride,
                accumulate: accumulate || step > 0, fetches: false, nextPanel: nil))
          }
        }
      }
    }
  }

  /// Packs the columns `rows` of `steps` rows of a matrix of `all` columns, [tiles][steps][12].
  private static func packTiles(
    _ source: UnsafePointer<Float>, stride: Int, rows: Range<Int>, of all: Int, steps: Int,
    into packed: UnsafeMutablePointer<Float>
  ) {
    for step in 0..<steps {
      let line = source + step * stride
      var target = packed + step * packedRows
      var first = rows.lowerBound
      // A vector is more than a tile's row: the next step overwrites the rest.
      while first < rows.upperBound, first + Vector.lanes <= all {
        target.store(line.vector(at: first), at: 0)
        target += packedStride(steps: steps)
        first += packedRows
      }
      while first < rows.upperBound {
        let count = min(packedRows, all - first)
        target.update(from: line + first, count: count)
        target += packedStride(steps: steps)
        first += packedRows
      }
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
