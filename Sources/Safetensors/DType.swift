/// The element types of the safetensors format, named as in a file's header.

/// An element type; the order of the cases is the order of alignment in the reference
/// implementation (`Dtype` in `safetensors/src/tensor.rs`), which its writer sorts by, descending.
public enum DType: String, CaseIterable, Hashable, Sendable {
  case bool = "BOOL"
  case float4 = "F4"
  case float6E2M3 = "F6_E2M3"
  case float6E3M2 = "F6_E3M2"
  case uint8 = "U8"
  case int8 = "I8"
  case float8E5M2 = "F8_E5M2"
  case float8E4M3 = "F8_E4M3"
  case float8E8M0 = "F8_E8M0"
  case float8E4M3FNUZ = "F8_E4M3FNUZ"
  case float8E5M2FNUZ = "F8_E5M2FNUZ"
  case int16 = "I16"
  case uint16 = "U16"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case int32 = "I32"
  case uint32 = "U32"
  case float32 = "F32"
  case complex64 = "C64"
  case float64 = "F64"
  case int64 = "I64"
  case uint64 = "U64"

  /// Bits of one element; elements narrower than a byte are packed.
  public var bitWidth: Int {
    switch self {
    case .float4: 4
    case .float6E2M3, .float6E3M2: 6
    case .bool, .uint8, .int8: 8
    case .float8E5M2, .float8E4M3, .float8E8M0, .float8E4M3FNUZ, .float8E5M2FNUZ: 8
    case .int16, .uint16, .float16, .bfloat16: 16
    case .int32, .uint32, .float32: 32
    case .complex64, .float64, .int64, .uint64: 64
    }
  }

  /// Whether values of this type can be read as Float32: F16, BF16, F32, F64.
  public var isReadableAsFloat32: Bool {
    switch self {
    case .float16, .bfloat16, .float32, .float64: true
    default: false
    }
  }

  /// The bytes of a tensor of this shape, by checked multiplication.
  ///
  /// - Returns: nil if the size does not fit an `Int` or is not a whole number of bytes.
  public func byteCount(ofShape shape: [Int]) -> Int? {
    guard let elements = elementCount(ofShape: shape) else { return nil }
    let (bits, overflow) = elements.multipliedReportingOverflow(by: bitWidth)
    return overflow || bits % 8 != 0 ? nil : bits / 8
  }
}

/// The product of a shape's dimensions (1 for rank 0), or nil if it does not fit an `Int`.
///
/// The product is formed from the left like the reference's, so that `[2⁴⁰, 2⁴⁰, 0]` overflows.
func elementCount(ofShape shape: [Int]) -> Int? {
  var product = 1
  for dimension in shape {
    let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
    if overflow { return nil }
    product = next
  }
  return product
}
