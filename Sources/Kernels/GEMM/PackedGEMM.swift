/// Matrix products with a packed right operand, in the loop nest of BLIS: blocks of MC × KC, panels of NR
/// columns, register tiles.

import CProcessor
import Tensors

/// The left operand of a product where it is in memory: factor (row, step) at
/// `base[row·rowStride + segment·segmentStride + (step within the segment)·stepStride]`. Strides count
/// factors.
struct OperandA<Factor: ProductFactor> {
  let base: UnsafePointer<Factor>
  let rowStride: Int
  let stepStride: Int
  /// Steps of a segment.
  let segmentSteps: Int
  let segmentStride: Int

  init(
    base: UnsafePointer<Factor>, rowStride: Int, stepStride: Int, segmentSteps: Int = .max,
    segmentStride: Int = 0
  ) {
    self.base = base
    self.rowStride = rowStride
    self.stepStride = stepStride
    self.segmentSteps = segmentSteps
    self.segmentStride = segmentStride
  }

  /// A row-major matrix with `stride` elements between rows, a multiple of a factor's.
  static func rows(_ base: UnsafePointer<Factor.Element>, stride: Int) -> OperandA {
    OperandA(
      base: UnsafeRawPointer(base).assumingMemoryBound(to: Factor.self),
      rowStride: stride / Factor.elements, stepStride: 1)
  }

  /// The transpose of a row-major matrix with `stride` factors between rows.
  static func columns(_ base: UnsafePointer<Factor>, stride: Int) -> OperandA {
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
/// (`KernelTarget` has the numbers; KC is a whole number of groups). A is read in place through `OperandA`;
/// `multiplyTransposed` packs it too. C may be no memory of A or B. A step is one element of k in Float and two in bfloat16: k counts
/// factors, and a product takes 2·m·n·k FLOPs of them.
///
/// Each element of C is one chain of sums over the steps in order, whatever the blocking: of fused
/// multiply-adds, or of a `TileProduct`'s groups. Results depend neither on the number of rows nor on how rows are
/// divided into calls. A C of bfloat16 is rounded once, after a whole chain that began with what C held.
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
  static func multiply<Factor: ProductFactor, Result: KernelElement>(
    m: Int, n: Int, k: Int, a: OperandA<Factor>, b: UnsafePointer<Factor>,
    c: UnsafeMutablePointer<Result>, cStride: Int, accumulate: Bool = false,
    outputIsCold: Bool = false
  ) {
    let state = Factor.begin()
    defer { Factor.end(state) }
    let fetchesPanels = m >= leastRowsToFetch && n * k >= largeB
    let mc = Result.holdsSums ? mc : rowsOfWholeDepth(k)
    for row in stride(from: 0, to: m, by: mc) {
      var step = 0
      repeat {
        let (segments, steps) =
          Result.holdsSums
          ? block(at: step, of: k, segmentSteps: a.segmentSteps)
          : a.segmentSteps >= k ? (1, k) : (k / a.segmentSteps, a.segmentSteps)
        for column in stride(from: 0, to: n, by: nr) {
          let width = min(nr, n - column)
          let next = column + nr
          Factor.multiply(
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

  /// MC where a block has all steps: A takes at most twice the memory of MC × KC, but for very deep products.
  @inline(__always)
  private static func rowsOfWholeDepth(_ k: Int) -> Int {
    max(2 * mr, min(mc, mc * 2 * kc / max(1, k) / mr * mr))
  }

  /// Factors of scratch of `multiplyTransposed`.
  static func packedCount<Factor: ProductFactor>(_ factor: Factor.Type) -> Int {
    Factor.packing(steps: kc).count(rows: mc)
  }

  /// C[m, n] (+)= A[rows, m]ᵀ·B[rows, n], as `multiply` of `.columns`, for a C that is too large for the
  /// caches, whose columns of A would be pages apart, and for elements that are multiplied in pairs.
  ///
  /// - Parameters:
  ///   - rows: of A and B as they are stored; the steps are their factors.
  ///   - readable: columns of A's memory that may be read, for whole vectors; nil: m.
  ///   - b: from `pack`.
  ///   - packed: `packedCount` factors of scratch.
  static func multiplyTransposed<Factor: ProductFactor>(
    m: Int, n: Int, rows count: Int, a: UnsafePointer<Factor.Element>, aStride: Int,
    readable: Int? = nil, b: UnsafePointer<Factor>, c: UnsafeMutablePointer<Float>, cStride: Int,
    accumulate: Bool, packed: UnsafeMutablePointer<Factor>
  ) {
    let state = Factor.begin()
    defer { Factor.end(state) }
    let k = steps(count, Factor.self)
    for row in stride(from: 0, to: m, by: mc) {
      let rows = row..<min(row + mc, m)
      for step in stride(from: 0, to: k, by: kc) {
        let steps = min(kc, k - step)
        Factor.pack(
          MatrixColumns(
            base: a, stride: aStride, range: rows, readable: readable ?? m,
            steps: step..<step + steps, rows: count),
          into: packed)
        let packing = Factor.packing(steps: steps)
        for column in stride(from: 0, to: n, by: nr) {
          let width = min(nr, n - column)
          for (tile, first) in stride(from: row, to: rows.upperBound, by: packing.rows)
            .enumerated()
          {
            let target = c + first * cStride + column
            for next in packing.rows..<2 * packing.rows where first + next < rows.upperBound {
              prefetchForWriting(target + next * cStride, 0..<width)
            }
            Factor.multiply(
              PanelRows(
                rows: min(packing.rows, rows.upperBound - first), segments: 1, steps: steps,
                a: OperandA(
                  base: UnsafePointer(packed) + tile * packing.tileStride,
                  rowStride: packing.rowStride, stepStride: packing.stepStride),
                b: b + column * k + step * width, bStride: width, c: target, cStride: cStride,
                accumulate: accumulate || step > 0, fetches: false, nextPanel: nil))
          }
        }
      }
    }
  }

  /// Steps that `rows` rows make: factors of neighbouring rows.
  @inline(__always)
  static func steps<Factor: ProductFactor>(_ rows: Int, _ factor: Factor.Type) -> Int {
    (rows + Factor.elements - 1) / Factor.elements
  }

  /// The rows of a matrix of `rows` rows that a step is made of; the second is nil where there is none.
  @inline(__always)
  static func lines<Factor: ProductFactor, Source>(
    _ step: Int, _ source: UnsafePointer<Source>, stride: Int, rows: Int, _ factor: Factor.Type
  ) -> (first: UnsafePointer<Source>, second: UnsafePointer<Source>?) {
    let row = step * Factor.elements
    let first = source + row * stride
    return (first, row + 1 < rows ? first + stride : nil)
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

  /// Packs a row-major matrix of `columns` columns, a multiple of 16, into panels, rounded where its
  /// elements are Float and the factors' are not.
  static func pack<Factor: ProductFactor, Source: KernelElement>(
    _ source: UnsafePointer<Source>, rowStride: Int, rows: Int, columns: Int,
    into panels: UnsafeMutablePointer<Factor>
  ) {
    let steps = steps(rows, Factor.self)
    for column in stride(from: 0, to: columns, by: Vector.lanes) {
      for step in 0..<steps {
        let (first, second) = lines(step, source, stride: rowStride, rows: rows, Factor.self)
        Factor.store(
          Factor.combine(first, second, at: column), to: panels,
          at: panelOffset(step: step, column: column, steps: steps, columns: columns))
      }
    }
  }

  /// Packs sixteen rows of sixteen columns, which lie close together, into the panels of a larger matrix.
  ///
  /// - Parameters:
  ///   - row: the first of them, a whole number of factors, of `rows`.
  ///   - column: the first of them, a multiple of 16, of `columns`.
  @inline(__always)
  static func packSixteen<Factor: ProductFactor>(
    _ source: UnsafeMutablePointer<Float>, row: Int, of rows: Int, column: Int, of columns: Int,
    into panels: UnsafeMutablePointer<Factor>
  ) {
    for lane in stride(from: 0, to: Vector.lanes, by: Factor.elements) {
      // Where a factor has one element the second is not used.
      let second = min(lane + 1, Vector.lanes - 1)
      Factor.store(
        Factor.combine(
          source.vector(at: lane * Vector.lanes), source.vector(at: second * Vector.lanes)),
        to: panels,
        at: panelOffset(
          step: (row + lane) / Factor.elements, column: column, steps: rows / Factor.elements,
          columns: columns))
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

  /// The columns of a panel in vector registers.
  @inline(__always)
  static func multiplyInVectors<Factor: VectorFactor, Result>(
    _ panel: PanelRows<Factor, Result>
  ) {
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
  private static func multiplyWide<Factor: VectorFactor, Result>(_ panel: PanelRows<Factor, Result>)
  {
    if panel.a.rowStride == 1 {
      fillWide(panel, rowStride: 1)
    } else {
      fillWide(panel, rowStride: panel.a.rowStride)
    }
  }

  @inline(__always)
  private static func fillWide<Factor: VectorFactor, Result>(
    _ panel: PanelRows<Factor, Result>, rowStride: Int
  ) {
    var row = 0
    GEMMMicroKernel<3, 4, 2>.fill(&row, panel, rowStride: rowStride)
    GEMMMicroKernel<2, 4, 2>.fill(&row, panel, rowStride: rowStride)
    GEMMMicroKernel<1, 4, 2>.fill(&row, panel, rowStride: rowStride)
    GEMMMicroKernel<1, 1, 2>.fill(&row, panel, rowStride: rowStride)
  }

  @inline(never)
  private static func multiplyNarrow<Factor: VectorFactor, Result>(
    _ panel: PanelRows<Factor, Result>
  ) {
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
  private static func fillNarrow<Factor: VectorFactor, Result>(
    _ panel: PanelRows<Factor, Result>, rowStride: Int
  ) {
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
