/// How `PackedGEMM.multiplyTransposed` copies its left operand.

import Tensors

/// Where factors of A are after they were packed, in tiles of rows. Strides count factors.
struct RowPacking {
  /// Rows of a tile.
  let rows: Int
  let rowStride: Int
  let stepStride: Int
  let tileStride: Int

  /// Factors of `count` rows, and what a vector writes beyond them.
  func count(rows count: Int) -> Int {
    (count + rows - 1) / rows * tileStride + Vector.lanes
  }
}

/// Columns of a row-major matrix that become rows of A, and rows of it that become steps.
struct MatrixColumns<Factor: ProductFactor> {
  let base: UnsafePointer<Factor.Element>
  /// Elements between rows.
  let stride: Int
  let range: Range<Int>
  /// Columns of the matrix that may be read.
  let readable: Int
  let steps: Range<Int>
  /// Rows of the matrix; a last step may have but one.
  let rows: Int

  /// The rows that a step is made of; the second is nil where there is none.
  @inline(__always)
  func lines(
    _ step: Int
  ) -> (first: UnsafePointer<Factor.Element>, second: UnsafePointer<Factor.Element>?) {
    PackedGEMM.lines(step, base, stride: stride, rows: rows, Factor.self)
  }
}

extension VectorFactor {
  /// [tiles][steps][MR].
  @inline(__always)
  static func packing(steps: Int) -> RowPacking {
    let rows = KernelTarget.compiled.mr
    return RowPacking(
      rows: rows, rowStride: 1, stepStride: rows,
      tileStride: rows * steps + Vector.lanes - rows)
  }

  static func pack(_ columns: MatrixColumns<Self>, into packed: UnsafeMutablePointer<Self>) {
    let (mr, all) = (KernelTarget.compiled.mr, columns.readable)
    let tileStride = packing(steps: columns.steps.count).tileStride
    for step in columns.steps {
      let (line, second) = columns.lines(step)
      var target = packed + (step - columns.steps.lowerBound) * mr
      var first = columns.range.lowerBound
      // A vector is more than a tile's row: the next step overwrites the rest.
      while first < columns.range.upperBound, first + Vector.lanes <= all {
        store(combine(line, second, at: first), to: target, at: 0)
        target += tileStride
        first += mr
      }
      while first < columns.range.upperBound {
        for column in 0..<min(mr, all - first) {
          target[column] = Self(line, second, at: first + column)
        }
        target += tileStride
        first += mr
      }
    }
  }

  @inline(__always)
  static func multiply<Result: KernelElement>(_ panel: PanelRows<Self, Result>) {
    PackedGEMM.multiplyInVectors(panel)
  }
}
