/// Products of bfloat16 in the order of Intel's AMX, by its tiles or by vectors.

import CProcessor
import Tensors

/// What TDPBF16PS computes, for any number of rows and steps (Intel 64 and IA-32 Architectures Software
/// Developer's Manual, volume 2).
///
/// The steps of a segment come in groups of sixteen pairs. In a group the products of the even and of the odd
/// elements are two chains of fused multiply-adds that begin with 0; their sum is added to the element of C:
///
///     C = (((C + group 0) + group 1) + …),   group = (Σ a₂ᵢ·b₂ᵢ) + (Σ a₂ᵢ₊₁·b₂ᵢ₊₁)
///
/// Each operation is rounded to Float, subnormal operands and results are zeros, and a segment's last group is
/// completed with zeros. Where a processor has no tiles vectors compute the same bits.
enum TileProduct {
  /// Pairs of a group.
  static let groupSteps = 16
  /// Rows that two by two tiles sum up.
  static let blockRows = 32
  /// Groups that are multiplied at a time.
  private static let mostGroups = 16

  // MARK: Rows of A

  /// Rows with an odd number of lines from one to the next, so that they spread over a cache's sets.
  static func packing(steps: Int) -> RowPacking {
    let lines = (steps + groupSteps - 1) / groupSteps
    let stride = (lines + (lines + 1) % 2) * groupSteps
    return RowPacking(
      rows: blockRows, rowStride: stride, stepStride: 1, tileStride: blockRows * stride)
  }

  static func pack(
    _ columns: MatrixColumns<BFloat16TilePair>,
    into packed: UnsafeMutablePointer<BFloat16TilePair>
  ) {
    let steps = columns.steps
    let stride = packing(steps: steps.count).rowStride
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { words in
      let words = words.baseAddress!
      let factors = UnsafeMutableRawPointer(words).assumingMemoryBound(to: BFloat16TilePair.self)
      for first in Swift.stride(from: 0, to: columns.range.count, by: Vector.lanes) {
        let column = columns.range.lowerBound + first
        for group in Swift.stride(from: 0, to: steps.count, by: groupSteps) {
          for step in 0..<groupSteps {
            let target = factors + step * Vector.lanes
            if group + step >= steps.count {
              BFloat16TilePair.store(.zero, to: target, at: 0)
              continue
            }
            let (line, second) = columns.lines(steps.lowerBound + group + step)
            if column + Vector.lanes <= columns.readable {
              BFloat16TilePair.store(
                BFloat16TilePair.combine(line, second, at: column), to: target, at: 0)
            } else {
              BFloat16TilePair.store(.zero, to: target, at: 0)
              for lane in 0..<columns.readable - column {
                target[lane] = BFloat16TilePair(line, second, at: column + lane)
              }
            }
          }
          transpose_sixteen(words)
          for row in 0..<Vector.lanes {
            (UnsafeMutableRawPointer(packed) + ((first + row) * stride + group) * 4)
              .copyMemory(from: words + row * Vector.lanes, byteCount: CacheLine.bytes)
          }
        }
      }
    }
  }

  // MARK: Products

  static func multiply<Result: KernelElement>(_ panel: PanelRows<BFloat16TilePair, Result>) {
    for row in stride(from: 0, to: panel.rows, by: blockRows) {
      multiply(panel, row..<min(row + blockRows, panel.rows))
    }
  }

  /// Rows of a block.
  private static func multiply<Result: KernelElement>(
    _ panel: PanelRows<BFloat16TilePair, Result>, _ rows: Range<Int>
  ) {
    let c = panel.c + rows.lowerBound * panel.cStride
    var sums = TileSums(rows: rows.count, columns: panel.bStride)
    if panel.accumulate {
      sums.begin { Vector(c, at: $0 * panel.cStride + $1) }
    }
    let whole = panel.steps / groupSteps
    let rest = panel.steps % groupSteps
    var a = panel.a.base + rows.lowerBound * panel.a.rowStride
    var b = panel.b
    for _ in 0..<panel.segments {
      for group in stride(from: 0, to: whole, by: mostGroups) {
        sums.add(
          a + group * groupSteps, stride: panel.a.rowStride,
          b + group * groupSteps * panel.bStride, stride: panel.bStride,
          groups: min(mostGroups, whole - group))
      }
      if rest > 0 {
        sums.addRest(
          a + whole * groupSteps, stride: panel.a.rowStride,
          b + whole * groupSteps * panel.bStride, steps: rest)
      }
      a += panel.a.segmentStride
      b += panel.steps * panel.bStride
    }
    sums.end { $2.store(to: c, at: $0 * panel.cStride + $1) }
  }
}
