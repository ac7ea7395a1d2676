/// Matrix products with a packed right operand, in the loop nest of BLIS: blocks of MC × KC, panels of NR
/// columns, register tiles.

import CProcessor
import Tensors

/// The left operand of a product where it is in memory: element (row, step) at
/// `base[row·rowStride + segment·segmentStride + (step within the segment)·stepStride]`.
struct OperandA {
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
  static func rows(_ base: UnsafePointer<Float>, stride: Int) -> OperandA {
    OperandA(base: base, rowStride: stride, stepStride: 1)
  }

  /// The transpose of a row-major matrix with `stride` elements between rows.
  static func columns(_ base: UnsafePointer<Float>, stride: Int) -> OperandA {
    OperandA(base: base, rowStride: 1, stepStride: stride)
  }

  /// The operand from (row, step) on.
  @inline(__always)
  func from(row: Int, step: Int) -> OperandA {
    let (segment, within) = step.quotientAndRemainder(dividingBy: segmentSteps)
    return OperandA(
      base: base + (row * rowStride + segment * segmentStride + within * stepStride),
      rowStride: rowStride, stepStride: stepStride, segmentSteps: segmentSteps,
      segmentStride: segmentStride)
  }
}

/// Products C[m, n] = A[m, k]·B[k, n] with B packed in panels of NR columns; m counts positions of images
/// and n channels, mostly.
///
/// From the outermost loop: MC rows of A, KC steps of k, NR columns of B, and the micro-kernel's rows
/// (`KernelTarget` has the numbers). A is read in place through `OperandA`; `multiplyTransposed` packs it
/// too. 2·m·n·k FLOPs. C may be no memory of A or B.
///
/// Each element of C is one chain of fused multiply-adds over the steps in order, whatever the
/// blocking: results depend neither on the number of rows nor on how rows are divided into calls.
enum PackedGEMM {
  @inline(__always) static var nr: Int { KernelTarget.compiled.nr }
  @inline(__always) private static var mr: Int { KernelTarget.compiled.mr }
  @inline(__always) private static var mc: Int { KernelTarget.compiled.mc }
  @inline(__always) private static var kc: Int { KernelTarget.compiled.kc }
  /// Floats of B from which on it does not stay in the second-level cache next to A.
  @inline(__always) private static var largeB: Int { KernelTarget.compiled.l2 / 2 }
  /// Rows that take long enough to fetch a panel meanwhile.
  private static let leastRowsToFetch = 128

  /// The panel layout's offset of (step, column) in a matrix of `steps` × `columns`.
  @inline(__always)
  static func panelOffset(step: Int, column: Int, steps: Int, columns: Int) -> Int {
    let first = column / nr * nr
    let width = min(nr, columns - first)
    return first * steps + step * width + (column - first)
  }

  /// C[m, n] (+)= A[m, k]·B[k, n].
  ///
  /// - Parameters:
  ///   - n: a multiple of 16.
  ///   - b: panels [n/NR][k][NR], then [k][16] where n is odd in vectors.
  ///   - outputIsCold: C is not in the caches: its lines are fetched a tile ahead.
  static func multiply(
    m: Int, n: Int, k: Int, a: OperandA, b: UnsafePointer<Float>,
    c: UnsafeMutablePointer<Float>, cStride: Int, accumulate: Bool = false,
    outputIsCold: Bool = false
  ) {
    let fetchesPanels = m >= leastRowsToFetch && n * k >= largeB
    for row in stride(from: 0, to: m, by: mc) {
      var step = 0
      repeat {
        let (segments, steps) = block(at: step, of: k, segmentSteps: a.segmentSteps)
        for column in stride(from: 0, to: n, by: nr) {
          let width = min(nr, n - column)
          let next = column + nr
          multiply(
            PanelRows(
              rows: min(mc, m - row), segments: segments, steps: steps,
              a: a.from(row: row, step: step), b: b + column * k + step * width, bStride: width,
              c: c + row * cStride + column, cStride: cStride,
              accumulate: accumulate || step > 0, fetches: outputIsCold && step == 0,
              nextPanel: fetchesPanels && next < n
                ? b + next * k + step * min(nr, n - next) : nil))
        }
        step += segments * steps
      } while step < k
    }
  }

  /// Floats of scratch of `multiplyTransposed`.
  static var packedCount: Int {
    mc / mr * packedStride(steps: kc) + Vector.lanes
  }

  /// Elements of a packed tile, and what a vector writes beyond its end.
  @inline(__always)
  private static func packedStride(steps: Int) -> Int {
    mr * steps + Vector.lanes - mr
  }

  /// C[m, n] (+)= A[k, m]ᵀ·B[k, n] for a C that is too large for the caches, as `multiply` of `.columns`.
  ///
  /// The columns of A would be pages apart; packed, those of a tile are consecutive.
  /// - Parameter packed: `packedCount` floats of scratch.
  static func multiplyTransposed(
    m: Int, n: Int, k: Int, a: UnsafePointer<Float>, aStride: Int, b: UnsafePointer<Float>,
    c: UnsafeMutablePointer<Float>, cStride: Int, accumulate: Bool,
    packed: UnsafeMutablePointer<Float>
  ) {
    for row in stride(from: 0, to: m, by: mc) {
      let rows = row..<min(row + mc, m)
      for step in stride(from: 0, to: k, by: kc) {
        let steps = min(kc, k - step)
        packTiles(
          a + step * aStride, stride: aStride, rows: rows, of: m, steps: steps, into: packed)
        for column in stride(from: 0, to: n, by: nr) {
          let width = min(nr, n - column)
          for (tile, first) in stride(from: row, to: rows.upperBound, by: mr).enumerated() {
            let target = c + first * cStride + column
            for next in mr..<2 * mr where first + next < rows.upperBound {
              prefetchForWriting(target + next * cStride, 0..<width)
            }
            multiply(
              PanelRows(
                rows: min(mr, rows.upperBound - first), segments: 1, steps: steps,
                a: OperandA(
                  base: packed + tile * packedStride(steps: steps), rowStride: 1,
                  stepStride: mr),
                b: b + column * k + step * width, bStride: width, c: target, cStride: cStride,
                accumulate: accumulate || step > 0, fetches: false, nextPanel: nil))
          }
        }
      }
    }
  }

  /// Packs the columns `rows` of `steps` rows of a matrix of `all` columns, [tiles][steps][MR].
  private static func packTiles(
    _ source: UnsafePointer<Float>, stride: Int, rows: Range<Int>, of all: Int, steps: Int,
    into packed: UnsafeMutablePointer<Float>
  ) {
    for step in 0..<steps {
      let line = source + step * stride
      var target = packed + step * mr
      var first = rows.lowerBound
      // A vector is more than a tile's row: the next step overwrites the rest.
      while first < rows.upperBound, first + Vector.lanes <= all {
        target.store(line.vector(at: first), at: 0)
        target += packedStride(steps: steps)
        first += mr
      }
      while first < rows.upperBound {
        let count = min(mr, all - first)
        target.update(from: line + first, count: count)
        target += packedStride(steps: steps)
        first += mr
      }
    }
  }

  /// The steps from `step` on that are one block: whole segments, or some steps of one.
  @inline(__always)
  private static func block(
    at step: Int, of k: Int, segmentSteps: Int
  ) -> (segments: Int, steps: Int) {
    if segmentSteps >= k { return (1, min(kc, k - step)) }
    if segmentSteps <= kc {
      return (min(kc, k - step) / segmentSteps, segmentSteps)
    }
    return (1, min(kc, segmentSteps - step % segmentSteps))
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
    if panel.bStride == Vector.lanes { return multiplyNarrow(panel) }
    switch KernelTarget.compiled.microKernel {
    case .rows12Vectors2:
      multiplyWide(panel)
    case .rows6Vectors1:
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
    GEMMMicroKernel<3, 4, 2>.fill(&row, panel, rowStride: rowStride)
    GEMMMicroKernel<2, 4, 2>.fill(&row, panel, rowStride: rowStride)
    GEMMMicroKernel<1, 4, 2>.fill(&row, panel, rowStride: rowStride)
    GEMMMicroKernel<1, 1, 2>.fill(&row, panel, rowStride: rowStride)
  }

  @inline(never)
  private static func multiplyNarrow(_ panel: PanelRows) {
    if KernelTarget.compiled.microKernel == .rows12Vectors2, panel.steps == 16, panel.segments == 1,
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
    switch KernelTarget.compiled.microKernel {
    case .rows12Vectors2:
      // The addresses of sixteen rows fit into registers where they are offsets from one pointer.
      if rowStride == 1 { GEMMMicroKernel<4, 4, 1>.fill(&row, panel, rowStride: rowStride) }
      GEMMMicroKernel<2, 4, 1>.fill(&row, panel, rowStride: rowStride)
    case .rows6Vectors1:
      GEMMMicroKernel<2, 3, 1>.fill(&row, panel, rowStride: rowStride)
    }
    GEMMMicroKernel<1, 4, 1>.fill(&row, panel, rowStride: rowStride)
    GEMMMicroKernel<1, 1, 1>.fill(&row, panel, rowStride: rowStride)
  }
}
