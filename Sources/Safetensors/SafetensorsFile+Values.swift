/// Tensors as numbers: Float32 from any of the floating-point types, and 64-bit integers.

import Tensors

extension SafetensorsFile {
  /// A tensor's values as Float32, row-major.
  ///
  /// F16 and BF16 widen exactly, F64 rounds to nearest. Non-finite values pass unchanged.
  ///
  /// - Parameter shape: if given, the shape the tensor must have.
  /// - Throws: `missingTensor`, `wrongShape`, `wrongDType` for anything but F16, BF16, F32 and F64,
  ///   `system`.
  public func float32(
    _ tensor: String, shape: [Int]? = nil
  ) throws -> [Float] {
    let entry = try entry(tensor, shape: shape)
    guard entry.dtype.isReadableAsFloat32 else {
      throw SafetensorsError.wrongDType(
        file: name, tensor: tensor, expected: "F16, BF16, F32 or F64", found: entry.dtype)
    }
    var values = [Float](repeating: 0, count: entry.count)
    var span = values.mutableSpan
    try readFloat32(entry, into: &span)
    return values
  }

  private func readFloat32(
    _ entry: TensorEntry, into buffer: inout MutableSpan<Float>
  ) throws {
    switch entry.dtype {
    case .float32:
      var bytes = buffer.mutableBytes
      try read(entry, into: &bytes)
    case .float16:
      try convert(entry, into: &buffer) { (bits: UInt16) in Float(Float16(bitPattern: bits)) }
    case .bfloat16:
      try convert(entry, into: &buffer) { (bits: UInt16) in Float(BFloat16(bitPattern: bits)) }
    case .float64:
      try convert(entry, into: &buffer) { (bits: UInt64) in Float(Double(bitPattern: bits)) }
    default: preconditionFailure("\(entry.dtype) is not a floating-point type")
    }
  }

  private func convert<Bits: FixedWidthInteger & BitwiseCopyable>(
    _ entry: TensorEntry, into buffer: inout MutableSpan<Float>,
    _ value: (Bits) -> Float
  ) throws {
    let bits: [Bits] = try elements(entry)
    for (index, bits) in bits.enumerated() { buffer[index] = value(bits) }
  }

  /// A tensor of 64-bit integers, such as PyTorch's `num_batches_tracked` (shape `[]`).
  ///
  /// - Parameter shape: if given, the shape the tensor must have.
  /// - Throws: `missingTensor`, `wrongShape`, `wrongDType` for anything but I64, `system`.
  public func int64(
    _ tensor: String, shape: [Int]? = nil
  ) throws -> [Int64] {
    let entry = try entry(tensor, shape: shape)
    guard entry.dtype == .int64 else {
      throw SafetensorsError.wrongDType(
        file: name, tensor: tensor, expected: "I64", found: entry.dtype)
    }
    return try elements(entry)
  }

  private func elements<Element: FixedWidthInteger & BitwiseCopyable>(
    _ entry: TensorEntry
  ) throws -> [Element] {
    var elements = [Element](repeating: 0, count: entry.count)
    var span = elements.mutableSpan
    var bytes = span.mutableBytes
    try read(entry, into: &bytes)
    return elements
  }
}
