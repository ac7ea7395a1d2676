/// Shortcut A (He et al. 2015, §3.3): identity, subsampled, with zero channels appended.

import Kernels
import ONNX
import Tensors

package struct ZeroPaddedShortcutOperation: Operation {
  /// Of the output; no fewer than the input's.
  package let channels: Int
  package let stride: Int

  package func outputShape(of inputs: [ImageShape]) -> ImageShape? {
    guard channels >= inputs[0].channels else { return nil }
    return ImageShape(
      height: (inputs[0].height - 1) / stride + 1, width: (inputs[0].width - 1) / stride + 1,
      channels: channels)
  }

  package func summary(of inputs: [ImageShape]) -> String? { "zeros appended, stride \(stride)" }

  package func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }

  package func layer(_ step: LoweredStep) -> any PlannedLayer {
    ZeroPaddedShortcutLayer(
      name: step.name, stride: stride, source: step.source(0), output: step.output,
      outputGradient: step.outputGradient, inputGradient: step.inputGradient(0))
  }

  /// Every stride-th row and column, then zeros after the channels.
  package func onnx(_ node: ONNXOperands) -> ONNXOperators {
    let added = channels - node.inputShapes[0].channels
    let operands: [(String, [Int64])] = [
      ("starts", [0, 0]), ("ends", [.max, .max]), ("axes", [2, 3]),
      ("steps", [Int64(stride), Int64(stride)]), ("pads", [0, 0, 0, 0, 0, Int64(added), 0, 0]),
    ]
    func operand(_ suffix: String) -> String { "\(node.output).\(suffix)" }
    return ONNXOperators(
      [
        .init(
          "Slice", name: operand("subsampled"),
          inputs: node.inputs + ["starts", "ends", "axes", "steps"].map(operand)),
        .init("Pad", name: node.output, inputs: [operand("subsampled"), operand("pads")]),
      ],
      constants: operands.map {
        .init(name: operand($0.0), shape: [$0.1.count], values: .integers($0.1))
      })
  }
}

private struct ZeroPaddedShortcutLayer: PlannedLayer {
  let name: String
  let stride: Int
  /// [N, H, W, C].
  let source: ActivationSource
  /// [N, ⌈H/stride⌉, ⌈W/stride⌉, K ≥ C].
  let output: TensorSlot
  let outputGradient: TensorSlot?
  let inputGradient: GradientTarget?

  func forward(_ pass: PassContext) {
    pass.forEachShard { shard, _ in
      ZeroPaddedShortcut.forward(
        source.stored(pass, shard: shard), stride: stride,
        output: pass.tensor(output, shard: shard))
    }
  }

  func backward(_ pass: PassContext) {
    guard let outputGradient, let inputGradient else { return }
    pass.forEachShard { shard, _ in
      ZeroPaddedShortcut.backward(
        outputGradient: pass.tensor(outputGradient, shard: shard), stride: stride,
        inputGradient: pass.tensor(inputGradient.slot, shard: shard),
        accumulate: inputGradient.accumulate)
    }
  }
}
