/// Conversion between the order of weights in memory and PyTorch's order in files.

extension ParameterSlot {
  /// Copies the parameter's values in file order ([K, C, R, S], [K, C]) out of `memory`.
  ///
  /// - Parameters:
  ///   - memory: this slot's elements in memory order.
  ///   - file: as many elements.
  func copyToFileOrder(
    from memory: UnsafePointer<Float>, to file: UnsafeMutablePointer<Float>
  ) {
    forEachElement { fileIndex, memoryIndex in file[fileIndex] = memory[memoryIndex] }
  }

  /// Copies values in file order into `memory`.
  func copyFromFileOrder(
    _ file: UnsafePointer<Float>, to memory: UnsafeMutablePointer<Float>
  ) {
    forEachElement { fileIndex, memoryIndex in memory[memoryIndex] = file[fileIndex] }
  }

  /// Files hold [K, …], memory [positions…, C, K]; a fully connected layer is one position.
  private func forEachElement(_ body: (_ fileIndex: Int, _ memoryIndex: Int) -> Void) {
    let outputs: Int
    let inputs: Int
    let positions: Int
    switch role {
    case .convolutionWeight(let geometry):
      outputs = geometry.output.channels
      inputs = geometry.channelsPerGroup
      positions = geometry.kernelHeight * geometry.kernelWidth
    case .fullyConnectedWeight(let c, let k):
      outputs = k
      inputs = c
      positions = 1
    case .normalizationScale, .normalizationShift, .fullyConnectedBias:
      outputs = range.count
      inputs = 1
      positions = 1
    }
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
