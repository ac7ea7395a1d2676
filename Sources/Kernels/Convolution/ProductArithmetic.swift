/// How convolutions multiply.

import Tensors

/// What the elements of images are, and how products of them are summed. Each case has its own bits, the same on
/// every machine.
public enum ProductArithmetic: Hashable, Sendable, CaseIterable {
  /// Float, in one chain of fused multiply-adds.
  case float32
  /// bfloat16, in one chain of fused multiply-adds in Float, the odd element of a pair first: VDPBF16PS.
  case bfloat16
  /// bfloat16, in groups of sixteen pairs whose even and odd elements are summed apart: TDPBF16PS.
  case bfloat16Tiles

  public var element: ElementType {
    switch self {
    case .float32: .float32
    case .bfloat16, .bfloat16Tiles: .bfloat16
    }
  }
}
