/// Conversion between the order of parameters in memory and PyTorch's order in files.

import Tensors

extension ParameterSlot {
  /// Copies the parameter's values in file order ([K, C, R, S], [K, C], [K]) out of `memory`.
  ///
  /// - Parameters:
  ///   - memory: this slot's elements in memory order.
  ///   - file: as many elements.
  func copyToFileOrder(
    from memory: VectorView<Float>, to file: inout MutableSpan<Float>
  ) {
    forEachElement { fileIndex, memoryIndex in file[fileIndex] = memory[memoryIndex] }
  }

  /// Copies values in file order into `memory`.
  func copyFromFileOrder(
    _ file: Span<Float>, to memory: MutableVectorView<Float>
  ) {
    forEachElement { fileIndex, memoryIndex in memory[memoryIndex] = file[fileIndex] }
  }

  /// Files hold [K, C, positions…], memory [positions…, C, K]; a matrix has one position, a vector also
  /// one input.
  private func forEachElement(_ body: (_ fileIndex: Int, _ memoryIndex: Int) -> Void) {
    let shape = fileShape
    let outputs = shape.first ?? 1
    let inputs = shape.count > 1 ? shape[1] : 1
    let positions = shape.dropFirst(2).reduce(1, *)
    for output in 0..<outputs {
      for input in 0..<inputs {
        for position in 0..<positions {
          body(
            (output * inputs + input) * positions + position,
            (position * inputs + input) * outputs + output)
        }
      }
    }
  }
}
