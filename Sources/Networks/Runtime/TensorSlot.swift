/// The memory of a value while a plan runs.

import Tensors

/// Where a value is, and what it is made of.
package struct TensorSlot: Hashable, Sendable {
  package enum Memory: Hashable, Sendable {
    /// Bytes from the start of the plan's arena.
    case arena(Int)
    /// The images of the present mini-batch, in the caller's memory.
    case batch
  }

  package let memory: Memory
  /// Of one image or row.
  package let shape: ImageShape
  package let rows: RowCount
  package let element: ElementType

  package init(
    _ memory: Memory, shape: ImageShape, rows: RowCount, element: ElementType = .float32
  ) {
    self.memory = memory
    self.shape = shape
    self.rows = rows
    self.element = element
  }

  /// Bytes of the values of up to `images` images.
  package func bytes(images: Int) -> Int {
    images * rows.perImage * shape.count * element.stride
  }
}

/// Where a layer leaves an input's gradient.
package struct GradientTarget: Sendable {
  package let slot: TensorSlot
  /// Whether an earlier backward step already wrote a part, so that this one adds to it.
  package let accumulate: Bool
}
