/// Conversion between the order of parameters in memory and PyTorch's order in files.
///
/// Files hold [K, C, positions…], memory [positions…, C, K]; a matrix has one position, a vector also one input.

import Kernels
import Tensors

extension ParameterSlot {
  /// Copies the parameter's values in file order ([K, C, R, S], [K, C], [K]) out of `memory`.
  ///
  /// - Parameters:
  ///   - memory: this slot's elements in memory order.
  ///   - file: as many elements.
  func copyToFileOrder(from memory: VectorView<Float>, to file: MutableVectorView<Float>) {
    AxisReversal.copy(memory, first: positions, second: inputs, third: outputs, to: file)
  }

  /// Copies values in file order into `memory`.
  func copyFromFileOrder(_ file: VectorView<Float>, to memory: MutableVectorView<Float>) {
    AxisReversal.copy(file, first: outputs, second: inputs, third: positions, to: memory)
  }

  private var outputs: Int { fileShape.first ?? 1 }
  private var inputs: Int { fileShape.count > 1 ? fileShape[1] : 1 }
  private var positions: Int { fileShape.dropFirst(2).reduce(1, *) }
}
