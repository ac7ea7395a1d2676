/// Algorithms that multiply the weights themselves, in the panels of `PackedGEMM`.

import Tensors

/// A typed algorithm whose weights are factors of its element type.
protocol DirectConvolutionAlgorithm: TypedConvolutionAlgorithm {
  var arithmetic: ProductArithmetic { get }

  /// As `ConvolutionAlgorithm.prepareForward`.
  func packForward<Factor: ProductFactor>(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Factor>)

  /// As `ConvolutionAlgorithm.prepareBackwardData`.
  func packBackwardData<Factor: ProductFactor>(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Factor>)
}

extension DirectConvolutionAlgorithm {
  var element: ElementType { arithmetic.element }

  /// Elements of a factor.
  var factorElements: Int {
    switch element {
    case .float32: Float.Factor.elements
    case .bfloat16: BFloat16.Factor.elements
    }
  }

  /// Factors of scratch for a packed operand.
  var packedCount: Int {
    switch arithmetic {
    case .float32: PackedGEMM.packedCount(Float.Factor.self)
    case .bfloat16: PackedGEMM.packedCount(BFloat16.Factor.self)
    case .bfloat16Tiles: PackedGEMM.packedCount(TileBFloat16.Factor.self)
    }
  }

  /// Factors that `count` neighbouring elements make.
  func steps(_ count: Int) -> Int { (count + factorElements - 1) / factorElements }

  func prepareForward(_ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>) {
    switch element {
    case .float32: packForward(weights, into: prepared)
    case .bfloat16: packForward(weights, into: prepared.factors(of: BFloat16.self))
    }
  }

  func prepareBackwardData(
    _ weights: UnsafePointer<Float>, into prepared: UnsafeMutablePointer<Float>
  ) {
    switch element {
    case .float32: packBackwardData(weights, into: prepared)
    case .bfloat16: packBackwardData(weights, into: prepared.factors(of: BFloat16.self))
    }
  }
}
