/// The logistic sigmoid, σ(x) = 1 / (1 + e⁻ˣ).

import Glibc
import Tensors

public enum Sigmoid {
  /// output = σ(input); `output` may be the memory of `input`.
  ///
  /// Computed in Double and rounded once. The scalar exponential costs about 20 ns an element: for
  /// gates, one element a channel, not for whole maps.
  public static func forward(_ input: ImageTensor, output: ImageTensor) {
    require(output.count == input.count, "a sigmoid's output has its input's size")
    for index in 0..<input.count {
      output.base[index] = Float(1 / (1 + exp(-Double(input.base[index]))))
    }
  }

  /// inputGradient (+)= outputGradient · σ · (1 − σ), from the output σ of the forward pass.
  ///
  /// `inputGradient` may be the memory of `outputGradient`. Reads 2 floats an element, 3 if
  /// `accumulate`, and writes 1.
  public static func backward(
    outputGradient: ImageTensor, output: ImageTensor, inputGradient: ImageTensor, accumulate: Bool
  ) {
    require(
      outputGradient.count == output.count && inputGradient.count == output.count,
      "a sigmoid's gradients have its output's size")
    @inline(__always) func element<Value: Lanes>(_: Value.Type, _ index: Int) {
      let y = Value(output.base, at: index)
      let gradient = Value(outputGradient.base, at: index) * (y - y * y)
      let before = accumulate ? Value(inputGradient.base, at: index) : .zero
      (before + gradient).store(to: inputGradient.base, at: index)
    }
    forEachElementGroup(
      output.count, wide: { element(Vector.self, $0) }, narrow: { element(Float.self, $0) })
  }
}
