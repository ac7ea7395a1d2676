/// A named tensor of a network's state in memory of another owner.

import Tensors

/// A tensor whose values are converted to file order when they are read.
///
/// Whoever makes it keeps the memory alive while it is used.
package struct StateTensorView {
  package let name: String
  /// As in files.
  package let shape: [Int]
  private let elements: VectorView<Float>
  /// The parameter whose order in memory the elements have; nil: they are in file order.
  private let slot: ParameterSlot?

  /// A tensor whose elements are in file order.
  package init(name: String, shape: [Int], _ elements: VectorView<Float>) {
    (self.name, self.shape, self.elements) = (name, shape, elements)
    slot = nil
  }

  /// A parameter's values, or their gradients or an optimizer's state, in memory order.
  package init(_ slot: ParameterSlot, _ elements: VectorView<Float>, named name: String? = nil) {
    precondition(elements.count == slot.range.count)
    self.name = name ?? slot.name
    shape = slot.fileShape
    (self.slot, self.elements) = (slot, elements)
  }

  package var count: Int { elements.count }

  /// Copies the values in file order.
  ///
  /// - Parameter target: `count` elements.
  package func copy(to target: MutableVectorView<Float>) {
    if let slot {
      slot.copyToFileOrder(from: elements, to: target)
    } else {
      target.update(from: elements)
    }
  }

  /// The values in file order, valid within `body`; a copy where they are in another order in memory.
  package func withValues<Result>(
    _ body: (VectorView<Float>) throws -> Result
  ) rethrows -> Result {
    if slot == nil { return try body(elements) }
    let copy = AlignedBuffer<Float>(uninitialized: count)
    self.copy(to: copy.view)
    return try body(VectorView(copy.view))
  }

  /// The values in file order.
  package var values: [Float] {
    [Float](unsafeUninitializedCapacity: count) { values, initialized in
      initialized = count
      copy(to: MutableVectorView(UnsafeMutableBufferPointer(rebasing: values[..<count])))
    }
  }

  package var tensor: StateTensor { StateTensor(name: name, shape: shape, values: values) }
}
