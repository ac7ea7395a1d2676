/// The numbers that a network computes with.

import Kernels
import Tensors

/// What values between layers are, and how convolutions multiply them.
///
/// Parameters, their gradients and the optimizer's state, BN statistics, sums, the classifier and the loss
/// are Float in any case. Each case is an arithmetic of its own: it has the same bits on every machine.
package enum Precision: String, CaseIterable, Sendable, Codable {
  /// 32-bit floating point.
  case fp32
  /// Activations and their gradients are bfloat16, rounded once a value; products of two neighbouring
  /// bfloat16 are added to a Float sum at a time (Kalamkar et al. 2019, arXiv 1905.12322).
  case bf16
  /// The same in the order in which Intel's AMX adds products up.
  case bf16AMX = "bf16-amx"

  /// How convolutions multiply.
  package var products: ProductArithmetic {
    switch self {
    case .fp32: .float32
    case .bf16: .bfloat16
    case .bf16AMX: .bfloat16Tiles
    }
  }

  /// The name, and how products are computed where the processor has no instruction for them.
  package var summary: String {
    switch self {
    case .fp32, .bf16: rawValue
    case .bf16AMX:
      ProcessorTarget.hasTiles ? rawValue : "\(rawValue), by \(ProcessorTarget.bfloat16Tiles)"
    }
  }

  /// How many times as fast as fp32's its products are on this core, measured in 40 ms. Not every processor that has
  /// an instruction for bfloat16 gains by it: Intel's from Sapphire Rapids on multiply fast in tiles alone.
  package func measureSpeedup() -> Double {
    ProductRate.measure(products) / ProductRate.measure(.float32)
  }

  /// The element type of activations and their gradients.
  package var activations: ElementType { products.element }
}
