/// Squeeze-and-excitation (Hu et al. 2018, arXiv 1709.01507): each image's channels are scaled by a gate
/// that is computed from their means.

import Kernels
import ONNX
import Tensors

/// y = x · σ(W₂·max(0, W₁·z + b₁) + b₂) with z the mean of each channel over the image (eq. 2 to 4).
///
/// Parameters carry timm's names, `fc1` and `fc2`, and its shapes, those of 1×1 convolutions.
package struct SqueezeExcitationOperation: Operation {
  /// Hidden units R.
  package let hidden: Int

  package init(hidden: Int) { self.hidden = hidden }

  /// timm's choice for `channels` channels: a sixteenth, as a multiple of 8.
  package init(channels: Int) {
    hidden = max(8, (channels / 16 + 4) / 8 * 8)
  }

  package func outputShape(of inputs: [ImageShape]) -> ImageShape? { inputs[0] }

  package func multiplyAdds(of inputs: [ImageShape]) -> Int { 2 * inputs[0].channels * hidden }

  package func parameters(of inputs: [ImageShape]) -> [ParameterDescription] {
    let channels = inputs[0].channels
    return [
      .init(
        "fc1.weight", .weight, shape: [hidden, channels, 1, 1],
        initialization: .normal(variance: 2 / Double(channels))),
      .init("fc1.bias", .bias, shape: [hidden], initialization: .constant(0)),
      .init(
        "fc2.weight", .weight, shape: [channels, hidden, 1, 1],
        initialization: .normal(variance: 1 / Double(hidden))),
      .init("fc2.bias", .bias, shape: [channels], initialization: .constant(0)),
    ]
  }

  package func summary(of inputs: [ImageShape]) -> String? { "squeeze-and-excitation, \(hidden)" }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [.input(0)] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    SqueezeExcitationLayer(
      name: step.name, source: step.source(0), shape: step.inputShapes[0], hidden: hidden,
      output: step.output,
      parameters: ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"].map(step.parameter),
      trains: step.trainsParameters, outputGradient: step.outputGradient,
      inputGradient: step.inputGradient(0), images: step.capacity)
  }

  package func onnx(_ node: ONNXOperands) -> ONNXOperators {
    func value(_ suffix: String) -> String { "\(node.output).\(suffix)" }
    func layer(_ name: String, _ input: String, _ output: String) -> ONNXModel.Node {
      .init(
        "Conv", name: output,
        inputs: [input, node.tensor("\(name).weight"), node.tensor("\(name).bias")],
        attributes: [("kernel_shape", .integers([1, 1]))])
    }
    return ONNXOperators([
      .init("GlobalAveragePool", name: value("mean"), inputs: node.inputs),
      layer("fc1", value("mean"), value("fc1")),
      .init("Relu", name: value("hidden"), inputs: [value("fc1")]),
      layer("fc2", value("hidden"), value("fc2")),
      .init("Sigmoid", name: value("gate"), inputs: [value("fc2")]),
      .init("Mul", name: node.output, inputs: node.inputs + [value("gate")]),
    ])
  }
}

private final class SqueezeExcitationLayer: PlannedLayer {
  let name: String
  /// [N, H, W, C].
  private let source: ActivationSource
  private let shape: ImageShape
  private let output: TensorSlot
  /// [C, R], [R], [R, C] and [C], one after the other.
  private let parameters: [Range<Int>]
  private let trains: Bool
  private let outputGradient: TensorSlot?
  private let inputGradient: GradientTarget?
  private let images: Int
  private let squeeze: FullyConnected
  private let excite: FullyConnected

  init(
    name: String, source: ActivationSource, shape: ImageShape, hidden: Int, output: TensorSlot,
    parameters: [Range<Int>], trains: Bool, outputGradient: TensorSlot?,
    inputGradient: GradientTarget?, images: Int
  ) {
    self.name = name
    self.source = source
    self.shape = shape
    self.output = output
    self.parameters = parameters
    self.trains = trains
    self.outputGradient = outputGradient
    self.inputGradient = inputGradient
    self.images = images
    squeeze = FullyConnected(inputs: shape.channels, outputs: hidden)
    excite = FullyConnected(inputs: hidden, outputs: shape.channels)
  }

  var summary: String { "squeeze-and-excitation, \(squeeze.inputs) → \(squeeze.outputs)" }

  var multiplyAdds: Int { 2 * squeeze.inputs * squeeze.outputs }

  var needsInputGradient: Bool { inputGradient != nil }

  var weightRange: Range<Int>? {
    trains ? parameters[0].lowerBound..<parameters[3].upperBound : nil
  }

  // MARK: Memory

  private enum Vector: Int {
    case mean, gate, gateGradient, hidden, hiddenGradient
  }

  private func width(_ vector: Vector) -> Int {
    switch vector {
    case .mean, .gate, .gateGradient: shape.channels
    case .hidden, .hiddenGradient: squeeze.outputs
    }
  }

  private var vectorsWidth: Int { 3 * shape.channels + 2 * squeeze.outputs }

  /// Each image's channel means, hidden units and gate, and in training the gradients of gate and hidden
  /// units.
  var savedBytes: Int { images * vectorsWidth * MemoryLayout<Float>.stride }

  /// A vector of each of a shard's images, [images, 1, 1, width].
  private func tensor(_ vector: Vector, _ rows: Range<Int>, _ pass: PassContext) -> ImageTensor {
    let before = (0..<vector.rawValue).reduce(0) { $0 + width(Vector(rawValue: $1)!) }
    let channels = width(vector)
    let vectors = pass.saved.assumingMemoryBound(to: Float.self)
    return ImageTensor(
      base: vectors + images * before + rows.lowerBound * channels, images: rows.count,
      shape: ImageShape(height: 1, width: 1, channels: channels))
  }

  func scratch(_ direction: PassDirection) -> PassScratch {
    let passes = [squeeze, excite].map {
      max($0.scratchCount(images: images), trains ? $0.weightScratchCount(images: images) : 0)
    }
    return PassScratch(
      perThread: passes.max()!,
      shardGradient: direction == .backward ? weightRange?.count ?? 0 : 0)
  }

  // MARK: Passes

  func forward(_ pass: PassContext) {
    let (weights1, bias1) = (pass.parameters + parameters[0].lowerBound, parameters[1].lowerBound)
    let (weights2, bias2) = (pass.parameters + parameters[2].lowerBound, parameters[3].lowerBound)
    pass.forEachShard { shard, scratch in
      let rows = pass.rows(of: output, shard: shard)
      let input = source.stored(pass, shard: shard)
      let (mean, hidden, gate) = (
        tensor(.mean, rows, pass), tensor(.hidden, rows, pass), tensor(.gate, rows, pass)
      )
      GlobalAveragePooling.forward(input, output: mean)
      squeeze.forward(
        mean, weights: weights1, bias: pass.parameters + bias1, output: hidden, scratch: scratch)
      Elementwise.relu(hidden, output: hidden)
      excite.forward(
        hidden, weights: weights2, bias: pass.parameters + bias2, output: gate, scratch: scratch)
      Sigmoid.forward(gate, output: gate)
      ChannelScale.forward(input, scale: gate, output: pass.tensor(output, shard: shard))
    }
  }

  func backward(_ pass: PassContext) {
    guard let outputGradient else { return }
    pass.forEachShard { shard, scratch in
      let rows = pass.rows(of: output, shard: shard)
      let gradient = pass.tensor(outputGradient, shard: shard)
      let (hidden, gate) = (tensor(.hidden, rows, pass), tensor(.gate, rows, pass))
      let (gateGradient, hiddenGradient) = (
        tensor(.gateGradient, rows, pass), tensor(.hiddenGradient, rows, pass)
      )
      ChannelScale.backwardScale(
        outputGradient: gradient, input: source.stored(pass, shard: shard),
        scaleGradient: gateGradient, accumulate: false)
      Sigmoid.backward(
        outputGradient: gateGradient, output: gate, inputGradient: gateGradient,
        accumulate: false)
      excite.backwardData(
        outputGradient: gateGradient, weights: pass.parameters + parameters[2].lowerBound,
        inputGradient: hiddenGradient, accumulate: false, scratch: scratch)
      Elementwise.reluBackward(
        outputGradient: hiddenGradient, output: hidden, inputGradient: hiddenGradient,
        accumulate: false)
      addParameterGradients(pass, shard, rows, scratch)
      guard let inputGradient else { return }
      let target = pass.tensor(inputGradient.slot, shard: shard)
      ChannelScale.backwardInput(
        outputGradient: gradient, scale: gate, inputGradient: target,
        accumulate: inputGradient.accumulate)
      // The mean's gradient takes the memory of the gate's, which is used up.
      squeeze.backwardData(
        outputGradient: hiddenGradient, weights: pass.parameters + parameters[0].lowerBound,
        inputGradient: gateGradient, accumulate: false, scratch: scratch)
      GlobalAveragePooling.backward(
        outputGradient: gateGradient, inputGradient: target, accumulate: true)
    }
    if let range = weightRange { pass.combineShardGradients(range) }
  }

  private func addParameterGradients(
    _ pass: PassContext, _ shard: Int, _ rows: Range<Int>,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    guard let range = weightRange else { return }
    let target = pass.shardGradient(range, shard: shard)
    func gradient(_ index: Int) -> UnsafeMutablePointer<Float> {
      target + (parameters[index].lowerBound - range.lowerBound)
    }
    squeeze.backwardWeights(
      input: tensor(.mean, rows, pass), outputGradient: tensor(.hiddenGradient, rows, pass),
      weightGradient: gradient(0), biasGradient: gradient(1), scratch: scratch)
    excite.backwardWeights(
      input: tensor(.hidden, rows, pass), outputGradient: tensor(.gateGradient, rows, pass),
      weightGradient: gradient(2), biasGradient: gradient(3), scratch: scratch)
    pass.didAddShardGradient(range, shard: shard)
  }
}
