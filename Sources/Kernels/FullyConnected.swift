/// The fully connected layer: rows [N, C] times weights [C, K] plus bias.

import Tensors

/// One layer's products, in register tiles.
///
/// The weights are the large operand. They are read in place, once for all images of a call:
///   forward:           Yᵀ [K, N]  = Wᵀ·Xᵀ, then transposed
///   backward-data:     dXᵀ [C, N] = W·dYᵀ, then transposed
///   backward-weights:  dW [C, K]  = Xᵀ·dY
/// so C and K may be any numbers. 2·N·C·K FLOPs each. Sums are chains of fused multiply-adds over C, over K
/// and over images in order: an image's results do not depend on the others of the call. Results may be
/// no memory of the operands.
public struct FullyConnected: Sendable {
  /// C.
  public let inputs: Int
  /// K.
  public let outputs: Int

  private static let sizes: StaticString = "a product's images are of the layer's sizes"

  public init(inputs: Int, outputs: Int) {
    self.inputs = inputs
    self.outputs = outputs
  }

  /// Scratch floats for `forward` and `backwardData` of up to `images` images.
  public func scratchCount(images: Int) -> Int {
    (inputs + outputs) * CacheLine.whole(floats: images)
  }

  /// output[N, K] = input[N, C] · weights[C, K] + bias[K].
  public func forward(
    _ input: ImageTensor, weights: UnsafePointer<Float>, bias: UnsafePointer<Float>,
    output: ImageTensor, scratch: UnsafeMutablePointer<Float>
  ) {
    require(
      input.count == input.images * inputs && output.count == input.images * outputs,
      Self.sizes)
    let columns = CacheLine.whole(floats: input.images)
    let transposed = scratch + inputs * columns
    PackedGEMM.packTransposed(
      input.base, rowStride: inputs, rows: inputs, columns: input.images, into: scratch)
    PackedGEMM.multiply(
      m: outputs, n: columns, k: inputs, a: .columns(weights, stride: outputs), b: scratch,
      c: transposed, cStride: columns)
    for image in 0..<input.images {
      for unit in 0..<outputs {
        output.base[image * outputs + unit] = transposed[unit * columns + image] + bias[unit]
      }
    }
  }

  /// inputGradient[N, C] (+)= outputGradient[N, K] · weightsᵀ.
  public func backwardData(
    outputGradient: ImageTensor, weights: UnsafePointer<Float>, inputGradient: ImageTensor,
    accumulate: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    require(
      outputGradient.count == outputGradient.images * outputs
        && inputGradient.count == outputGradient.images * inputs,
      Self.sizes)
    let columns = CacheLine.whole(floats: outputGradient.images)
    let transposed = scratch + outputs * columns
    PackedGEMM.packTransposed(
      outputGradient.base, rowStride: outputs, rows: outputs, columns: outputGradient.images,
      into: scratch)
    PackedGEMM.multiply(
      m: inputs, n: columns, k: outputs, a: .rows(weights, stride: outputs), b: scratch,
      c: transposed, cStride: columns)
    for image in 0..<outputGradient.images {
      for channel in 0..<inputs {
        let value = transposed[channel * columns + image]
        let index = image * inputs + channel
        inputGradient.base[index] = accumulate ? inputGradient.base[index] + value : value
      }
    }
  }

  /// Scratch floats for `backwardWeights` of up to `images` images.
  public func weightScratchCount(images: Int) -> Int {
    (images + inputs) * CacheLine.whole(floats: outputs)
  }

  /// weightGradient[C, K] = inputᵀ · outputGradient and biasGradient[K] = Σ outputGradient.
  public func backwardWeights(
    input: ImageTensor, outputGradient: ImageTensor, weightGradient: UnsafeMutablePointer<Float>,
    biasGradient: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    require(
      input.count == input.images * inputs && outputGradient.count == input.images * outputs,
      Self.sizes)
    biasGradient.update(repeating: 0, count: outputs)
    if input.images == 0 {
      weightGradient.update(repeating: 0, count: inputs * outputs)
      return
    }
    for image in 0..<input.images {
      Elementwise.add(
        biasGradient, outputGradient.base + image * outputs, output: biasGradient, count: outputs)
    }
    let whole = outputs / Vector.lanes * Vector.lanes
    PackedGEMM.pack(
      outputGradient.base, rowStride: outputs, rows: input.images, columns: whole, into: scratch)
    PackedGEMM.multiply(
      m: inputs, n: whole, k: input.images, a: .columns(input.base, stride: inputs), b: scratch,
      c: weightGradient, cStride: outputs, outputIsCold: true)
    if whole < outputs {
      addRest(from: whole, input, outputGradient, weightGradient, scratch: scratch)
    }
  }

  /// The remaining columns of the weights' gradient, from `first` on and fewer than sixteen: a vector of
  /// them would overlap the next row.
  private func addRest(
    from first: Int, _ input: ImageTensor, _ outputGradient: ImageTensor,
    _ weightGradient: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    let sums = scratch + input.images * Vector.lanes
    for image in 0..<input.images {
      for lane in 0..<Vector.lanes {
        scratch[image * Vector.lanes + lane] =
          first + lane < outputs ? outputGradient.base[image * outputs + first + lane] : 0
      }
    }
    PackedGEMM.multiply(
      m: inputs, n: Vector.lanes, k: input.images, a: .columns(input.base, stride: inputs),
      b: scratch, c: sums, cStride: Vector.lanes)
    for channel in 0..<inputs {
      (weightGradient + channel * outputs + first).update(
        from: sums + channel * Vector.lanes, count: outputs - first)
    }
  }
}
