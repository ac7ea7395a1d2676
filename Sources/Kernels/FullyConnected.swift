/// The fully connected layer: rows [N, C] times weights [C, K] plus bias.

import Tensors

public enum FullyConnected {
  /// output[N, K] = input[N, C] · weights[C, K] + bias[K].
  public static func forward(
    _ input: ImageTensor, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>,
    output: ImageTensor
  ) {
    let outputs = output.shape.count
    for image in 0..<input.images {
      (output.base + image * outputs).update(from: bias, count: outputs)
    }
    MatrixProduct.multiply(
      m: input.images, n: outputs, k: input.shape.count, a: input.base, b: weights, beta: 1,
      c: output.base)
  }

  /// weightGradient[C, K] = inputᵀ · outputGradient and biasGradient[K] = Σ outputGradient.
  public static func backwardWeights(
    input: ImageTensor, outputGradient: ImageTensor, weightGradient: UnsafeMutablePointer<Float>,
    biasGradient: UnsafeMutablePointer<Float>
  ) {
    let outputs = outputGradient.shape.count
    let inputs = input.shape.count
    biasGradient.update(repeating: 0, count: outputs)
    if input.images == 0 {
      weightGradient.update(repeating: 0, count: inputs * outputs)
      return
    }
    for image in 0..<input.images {
      Elementwise.add(
        biasGradient, outputGradient.base + image * outputs, output: biasGradient, count: outputs)
    }
    MatrixProduct.multiply(
      m: inputs, n: outputs, k: input.images, a: input.base, transposeA: true,
      b: outputGradient.base, beta: 0, c: weightGradient)
  }

  /// inputGradient[N, C] (+)= outputGradient · weightsᵀ.
  public static func backwardData(
    outputGradient: ImageTensor, weights: UnsafePointer<Float>, inputGradient: ImageTensor,
    accumulate: Bool
  ) {
    MatrixProduct.multiply(
      m: inputGradient.images, n: inputGradient.shape.count, k: outputGradient.shape.count,
      a: outputGradient.base, b: weights, transposeB: true, beta: accumulate ? 1 : 0,
      c: inputGradient.base)
  }
}
