/// A fully connected layer, applied at each position like a 1×1 convolution with a bias.

import Kernels
import ONNX
import Tensors

package struct FullyConnectedOperation: Operation {
  package let outputs: Int
  /// The standard deviation of the first weights; nil: 1/√n, n the inputs, since no ReLU follows a classifier.
  package let deviation: Double?
  /// Whether files have the weights as those of a 1×1 convolution, [K, C, 1, 1].
  package let isFilter: Bool

  package init(outputs: Int, deviation: Double? = nil, isFilter: Bool = false) {
    (self.outputs, self.deviation, self.isFilter) = (outputs, deviation, isFilter)
  }

  package func outputShape(of inputs: [ImageShape]) -> ImageShape? {
    inputs[0].with(channels: outputs)
  }

  package func multiplyAdds(of inputs: [ImageShape]) -> Int { inputs[0].count * outputs }

  package func parameters(of inputs: [ImageShape]) -> [ParameterDescription] {
    let fanIn = inputs[0].channels
    return [
      .init(
        "weight", .weight, shape: [outputs, fanIn] + (isFilter ? [1, 1] : []),
        initialization: .normal(variance: deviation.map { $0 * $0 } ?? 1 / Double(fanIn))),
      .init("bias", .bias, shape: [outputs], initialization: .constant(0)),
    ]
  }

  package func summary(of inputs: [ImageShape]) -> String? { "fully connected, \(outputs)" }

  package func outputElement(
    of inputs: [ElementType], activations: ElementType
  ) -> ElementType { .float32 }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] {
    trainsParameters ? [.input(0)] : []
  }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    FullyConnectedLayer(
      name: step.name, source: step.source(0), inputShape: step.inputShapes[0],
      output: step.output, weights: step.parameter("weight"), bias: step.parameter("bias"),
      trains: step.trainsParameters, outputGradient: step.outputGradient,
      inputGradient: step.inputGradient(0), images: step.capacity)
  }

  package func onnx(_ node: ONNXOperands) -> ONNXOperators {
    ONNXOperators([
      .init(
        "Gemm", name: node.output,
        inputs: node.inputs + [node.tensor("weight"), node.tensor("bias")],
        attributes: [("transB", .integer(1))])
    ])
  }
}

private struct FullyConnectedLayer: PlannedLayer {
  let name: String
  /// [N, H, W, C].
  let source: ActivationSource
  let inputShape: ImageShape
  /// [N, H, W, K].
  let output: TensorSlot
  /// [C, K].
  let weights: Range<Int>
  /// [K], right after the weights.
  let bias: Range<Int>
  /// Whether the weights and the bias have gradients.
  let trains: Bool
  let outputGradient: TensorSlot?
  let inputGradient: GradientTarget?
  let images: Int

  var summary: String { "fully connected, \(product.inputs) → \(product.outputs)" }

  var multiplyAdds: Int { inputShape.count * product.outputs }

  var weightRange: Range<Int>? { trains ? weights.lowerBound..<bias.upperBound : nil }

  private var product: FullyConnected {
    FullyConnected(inputs: inputShape.channels, outputs: output.shape.channels)
  }

  /// Images of a product: 64 positions, or those of one image.
  private var imagesPerBlock: Int { max(1, 64 / inputShape.area) }

  func scratch(_ direction: PassDirection) -> PassScratch {
    let block = product.scratchCount(images: min(images, imagesPerBlock) * inputShape.area)
    switch direction {
    case .forward:
      return PassScratch(perThread: block)
    case .backward:
      return PassScratch(
        perThread: max(
          block, trains ? product.weightScratchCount(images: images * inputShape.area) : 0),
        shardGradient: weightRange?.count ?? 0)
    }
  }

  func forward(_ pass: PassContext) {
    let parameters = pass.parameters
    pass.forEachBlock(of: output, slicesPerBlock: imagesPerBlock, acrossShards: true) {
      block, scratch in
      product.forward(
        source.stored(pass, block.slices).positions,
        weights: parameters + weights.lowerBound, bias: parameters + bias.lowerBound,
        output: pass.tensor(output, block.slices).positions, scratch: scratch)
    }
  }

  func backward(_ pass: PassContext) {
    guard let outputGradient else { return }
    if let range = weightRange {
      pass.forEachShard { shard, scratch in
        let target = pass.shardGradient(range, shard: shard)
        product.backwardWeights(
          input: source.stored(pass, shard: shard).positions,
          outputGradient: pass.tensor(outputGradient, shard: shard).positions,
          weightGradient: target,
          biasGradient: target + weights.count, scratch: scratch)
        pass.didAddShardGradient(range, shard: shard)
      }
    }
    if let inputGradient {
      let parameters = pass.parameters
      pass.forEachBlock(of: output, slicesPerBlock: imagesPerBlock, acrossShards: true) {
        block, scratch in
        product.backwardData(
          outputGradient: pass.tensor(outputGradient, block.slices).positions,
          weights: parameters + weights.lowerBound,
          inputGradient: pass.tensor(inputGradient.slot, block.slices).positions,
          accumulate: inputGradient.accumulate, scratch: scratch)
      }
    }
    if let range = weightRange { pass.combineShardGradients(range) }
  }
}

extension ImageTensor {
  /// Each position as an image of one pixel.
  fileprivate var positions: ImageTensor {
    ImageTensor(
      base: base, images: rows, shape: ImageShape(height: 1, width: 1, channels: channels))
  }
}
