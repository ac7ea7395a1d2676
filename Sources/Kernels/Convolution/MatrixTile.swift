/// Matrix products of tiles held in registers, for products with few columns: M = positions,
/// N = channels.

/// A block of a product, `rows` × (`columns` · 16), that stays in registers while it is summed up.
///
/// 12×2 vectors are 24 of AVX-512's 32 registers: two loads of B and twelve broadcasts feed 24
/// fused multiply-adds, which runs at the core's peak.
private struct MatrixTile<let rows: Int, let columns: Int> {
  /// C[rows, columns·16] (+)= A·B over `k` steps, in the order of the steps.
  @inline(__always)
  static func multiply(
    k: Int, a: UnsafePointer<Float>, rowStride: Int, stepStride: Int, b: UnsafePointer<Float>,
    c: UnsafeMutablePointer<Float>, cStride: Int, accumulate: Bool
  ) {
    var sums = InlineArray<rows, InlineArray<columns, Vector>>(
      repeating: .init(repeating: .zero))
    if accumulate {
      for row in 0..<rows {
        for column in 0..<columns {
          sums[row][column] = c.vector(at: row * cStride + column * Vector.lanes)
        }
      }
    }
    var a = a
    var b = b
    for _ in 0..<k {
      var line = InlineArray<columns, Vector>(repeating: .zero)
      for column in 0..<columns { line[column] = b.vector(at: column * Vector.lanes) }
      for row in 0..<rows {
        let factor = Vector(repeating: a[row * rowStride])
        for column in 0..<columns {
          sums[row][column] = sums[row][column].addingProduct(factor, line[column])
        }
      }
      a += stepStride
      b += columns * Vector.lanes
    }
    for row in 0..<rows {
      for column in 0..<columns {
        c.store(sums[row][column], at: row * cStride + column * Vector.lanes)
      }
    }
  }
}

/// Where a product's left factor stands: element (row, step) at `base[row·rowStride + step·stepStride]`.
struct LeftFactor {
  let base: UnsafePointer<Float>
  let rowStride: Int
  let stepStride: Int

  /// A row-major matrix with `stride` elements between rows.
  static func rows(_ base: UnsafePointer<Float>, stride: Int) -> LeftFactor {
    LeftFactor(base: base, rowStride: stride, stepStride: 1)
  }

  /// The transpose of a row-major matrix with `stride` elements between rows.
  static func columns(_ base: UnsafePointer<Float>, stride: Int) -> LeftFactor {
    LeftFactor(base: base, rowStride: 1, stepStride: stride)
  }

  @inline(__always)
  func element(row: Int, step: Int) -> UnsafePointer<Float> {
    base + (row * rowStride + step * stepStride)
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
    var row = 0
    while row < m {
      let rows = min(rowsPerBlock, m - row)
      multiplyRows(
        m: rows, n: n, k: k,
        a: LeftFactor(
          base: a.element(row: row, step: 0), rowStride: a.rowStride, stepStride: a.stepStride),
        b: b, c: c + row * cStride, cStride: cStride, accumulate: accumulate,
        outputIsCold: outputIsCold)
      row += rows
    }
  }

  @inline(__always)
  private static func multiplyRows(
    m: Int, n: Int, k: Int, a: LeftFactor, b: UnsafePointer<Float>,
    c: UnsafeMutablePointer<Float>, cStride: Int, accumulate: Bool, outputIsCold: Bool
  ) {
    var step = 0
    repeat {
      let steps = min(stepsPerBlock, k - step)
      let adds = accumulate || step > 0
      var column = 0
      while column + panelColumns <= n {
        let panel = b + column * k + step * panelColumns
        multiplyWide(
          m, steps, a.element(row: 0, step: step), a.rowStride, a.stepStride, panel, c + column,
          cStride, adds, outputIsCold && step == 0)
        column += panelColumns
      }
      if column < n {
        let panel = b + column * k + step * Vector.lanes
        multiplyNarrow(
          m, steps, a.element(row: 0, step: step), a.rowStride, a.stepStride, panel, c + column,
          cStride, adds)
      }
      step += steps
    } while step < k
  }

  @inline(never)
  private static func multiplyWide(
    _ m: Int, _ k: Int, _ a: UnsafePointer<Float>, _ rowStride: Int, _ stepStride: Int,
    _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
    _ accumulate: Bool, _ fetches: Bool
  ) {
    forEachTile(m) { row in
      if fetches {
        for next in row + 12..<row + 24 where next < m {
          prefetchForWriting(c + next * cStride, 0..<panelColumns)
        }
      }
      MatrixTile<12, 2>.multiply(
        k: k, a: a + row * rowStride, rowStride: rowStride, stepStride: stepStride, b: b,
        c: c + row * cStride, cStride: cStride, accumulate: accumulate)
    } four: { row in
      MatrixTile<4, 2>.multiply(
        k: k, a: a + row * rowStride, rowStride: rowStride, stepStride: stepStride, b: b,
        c: c + row * cStride, cStride: cStride, accumulate: accumulate)
    } one: { row in
      MatrixTile<1, 2>.multiply(
        k: k, a: a + row * rowStride, rowStride: rowStride, stepStride: stepStride, b: b,
        c: c + row * cStride, cStride: cStride, accumulate: accumulate)
    }
  }

  @inline(never)
  private static func multiplyNarrow(
    _ m: Int, _ k: Int, _ a: UnsafePointer<Float>, _ rowStride: Int, _ stepStride: Int,
    _ b: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>, _ cStride: Int,
    _ accumulate: Bool
  ) {
    forEachTile(m) { row in
      MatrixTile<12, 1>.multiply(
        k: k, a: a + row * rowStride, rowStride: rowStride, stepStride: stepStride, b: b,
        c: c + row * cStride, cStride: cStride, accumulate: accumulate)
    } four: { row in
      MatrixTile<4, 1>.multiply(
        k: k, a: a + row * rowStride, rowStride: rowStride, stepStride: stepStride, b: b,
        c: c + row * cStride, cStride: cStride, accumulate: accumulate)
    } one: { row in
      MatrixTile<1, 1>.multiply(
        k: k, a: a + row * rowStride, rowStride: rowStride, stepStride: stepStride, b: b,
        c: c + row * cStride, cStride: cStride, accumulate: accumulate)
    }
  }

  /// Divides `m` rows into tiles of 12, 4 and 1.
  @inline(__always)
  private static func forEachTile(
    _ m: Int, twelve: (Int) -> Void, four: (Int) -> Void, one: (Int) -> Void
  ) {
    var row = 0
    while row + 12 <= m {
      twelve(row)
      row += 12
    }
    while row + 4 <= m {
      four(row)
      row += 4
    }
    while row < m {
      one(row)
      row += 1
    }
  }
}
