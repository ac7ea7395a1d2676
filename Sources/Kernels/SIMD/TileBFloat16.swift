/// bfloat16 whose products are summed as AMX's tiles sum them.

import CProcessor
import Tensors

/// A bfloat16 in memory like any other; what differs is its factor.
struct TileBFloat16: BFloat16Element, BitwiseCopyable {
  typealias Factor = BFloat16TilePair

  let value: BFloat16

  @inline(__always) static var elementType: ElementType { .bfloat16 }

  @inline(__always)
  init(_ value: BFloat16) { self.value = value }
}

/// A factor of two bfloat16 in tiles; `TileProduct` has its arithmetic.
struct BFloat16TilePair: BFloat16Factor {
  typealias Element = TileBFloat16

  let bitPattern: UInt32

  @inline(__always)
  static func begin() -> UInt { flush_subnormals() }

  @inline(__always)
  static func end(_ state: UInt) {
    if TileSums.usesTiles { release_tiles() }
    restore_subnormals(state)
  }

  @inline(__always)
  static func packing(steps: Int) -> RowPacking { TileProduct.packing(steps: steps) }

  static func pack(
    _ columns: MatrixColumns<BFloat16TilePair>,
    into packed: UnsafeMutablePointer<BFloat16TilePair>
  ) {
    TileProduct.pack(columns, into: packed)
  }

  static func multiply<Result: KernelElement>(_ panel: PanelRows<BFloat16TilePair, Result>) {
    TileProduct.multiply(panel)
  }
}
