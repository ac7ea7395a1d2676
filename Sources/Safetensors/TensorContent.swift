/// A tensor to be written: what the header says of it and where its bytes come from.

/// A named tensor and the source of its bytes, which is asked only when they are written.
public struct TensorContent {
  /// Takes the next bytes of a tensor.
  public typealias Sink = (RawSpan) throws -> Void

  public let name: String
  public let dtype: DType
  /// Row-major, outermost dimension first; empty for a scalar.
  public let shape: [Int]
  let writeBytes: (Sink) throws -> Void

  /// A tensor whose bytes are made piece by piece.
  ///
  /// - Parameter writeBytes: passes all bytes, row-major and little-endian, to the sink, in one
  ///   piece or in many; their number must be what `dtype` and `shape` say.
  public init(
    _ name: String, dtype: DType, shape: [Int],
    writeBytes: @escaping (Sink) throws -> Void
  ) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.writeBytes = writeBytes
  }

  /// A tensor whose bytes are at hand.
  public init(_ name: String, dtype: DType, shape: [Int], bytes: [UInt8]) {
    self.init(name, dtype: dtype, shape: shape) { sink in
      try sink(bytes.span.bytes)
    }
  }

  /// An F32 tensor, row-major.
  public init(_ name: String, shape: [Int], float32 values: [Float]) {
    self.init(name, dtype: .float32, shape: shape) { sink in
      try sink(values.span.bytes)
    }
  }

  /// An I64 tensor, row-major; shape `[]` for a scalar.
  public init(_ name: String, shape: [Int], int64 values: [Int64]) {
    self.init(name, dtype: .int64, shape: shape) { sink in
      try sink(values.span.bytes)
    }
  }
}
