/// Max pooling over square windows.

import Kernels
import ONNX
import Tensors

package struct MaxPoolingOperation: Operation {
  package let kernel: Int
  package let stride: Int
  package let padding: Int

  /// Nil where the window does not fit, or could hold padding alone.
  private func geometry(_ input: ImageShape) -> ConvolutionGeometry? {
    guard 2 * padding <= kernel else { return nil }
    return ConvolutionGeometry(
      input: input, kernelHeight: kernel, kernelWidth: kernel, outputChannels: input.channels,
      stride: stride, padding: padding)
  }

  package func outputShape(of inputs: [ImageShape]) -> ImageShape? { geometry(inputs[0])?.output }

  package func summary(of inputs: [ImageShape]) -> String? {
    "\(kernel)×\(kernel) max pooling, stride \(stride)"
  }

  package func access(toInput position: Int) -> InputAccess { .blocks }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    MaxPoolingLayer(
      name: step.name, geometry: geometry(step.inputShapes[0])!, source: step.source(0),
      output: step.output, outputGradient: step.outputGradient,
      inputGradient: step.inputGradient(0), images: step.capacity)
  }

  package func onnx(_ node: ONNXOperands) -> ONNXOperators {
    ONNXOperators([
      .init(
        "MaxPool", name: node.output, inputs: node.inputs,
        attributes: geometry(node.inputShapes[0])!.onnxWindow)
    ])
  }
}

extension ConvolutionGeometry {
  /// The attributes that ONNX's `Conv` and `MaxPool` share.
  var onnxWindow: [(name: String, value: ONNXModel.Node.Attribute)] {
    [
      ("kernel_shape", .integers([kernelHeight, kernelWidth])),
      ("strides", .integers([stride, stride])),
      ("pads", .integers(Array(repeating: padding, count: 4))),
    ]
  }
}

private struct MaxPoolingLayer: PlannedLayer {
  let name: String
  let geometry: ConvolutionGeometry
  let source: ActivationSource
  let output: TensorSlot
  let outputGradient: TensorSlot?
  let inputGradient: GradientTarget?
  /// Images or rows, at most.
  let images: Int

  var savedBytes: Int { outputGradient == nil ? 0 : images * geometry.output.count }

  /// Which element of its window each output was, [N, H_out, W_out, C]; none where no backward pass follows.
  private func argmax(_ pass: PassContext) -> UnsafeMutablePointer<UInt8> {
    pass.saved.assumingMemoryBound(to: UInt8.self)
  }

  func scratch(_ direction: PassDirection) -> PassScratch {
    PassScratch(
      perThread: direction == .forward && source.needsScratch(output.element)
        ? output.element.floats(geometry.input.count) : 0)
  }

  func forward(_ pass: PassContext) {
    pass.forEachBlock(of: output, slicesPerBlock: 1, acrossShards: false) { block, scratch in
      let image = block.slices
      MaxPooling.forward(
        geometry,
        input: source.values(
          image, pass, .forward,
          scratch: ImageTensor(
            memory: scratch, images: 1, shape: geometry.input, element: output.element)),
        output: pass.tensor(output, image),
        argmax: outputGradient == nil
          ? nil : argmax(pass) + image.firstImage * geometry.output.count)
    }
  }

  func backward(_ pass: PassContext) {
    guard let outputGradient, let inputGradient else { return }
    pass.forEachShard { shard, _ in
      MaxPooling.backward(
        geometry, outputGradient: pass.tensor(outputGradient, shard: shard),
        argmax: argmax(pass) + pass.rows(of: output, shard: shard).lowerBound
          * geometry.output.count,
        inputGradient: pass.tensor(inputGradient.slot, shard: shard),
        accumulate: inputGradient.accumulate)
    }
  }
}
