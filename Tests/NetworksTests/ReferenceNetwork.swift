/// Any architecture in Float64: the reference layers, one after another.

import Networks
import TestSupport

extension Architecture {
  /// The mean loss in training mode.
  ///
  /// - Parameter parameters: in the layout's order.
  func referenceLoss(parameters: [Double], batch: Batch) -> Double {
    let layout = ParameterLayout(self)
    func parameter(_ name: String) -> [Double] {
      Array(parameters[layout.slots.first { $0.name == name }!.range])
    }
    var values: [ReferenceImages] = []
    for node in nodes {
      let inputs = node.inputs.map { values[$0] }
      switch node.operation {
      case .input:
        values.append(
          ReferenceImages(
            images: batch.count, height: node.shape.height, width: node.shape.width,
            channels: node.shape.channels, values: batch.images.map(Double.init)))
      case .convolution(let geometry):
        values.append(
          referenceConvolution(
            inputs[0], weights: parameter("\(node.name).weight"),
            filter: (geometry.kernelHeight, geometry.kernelWidth),
            outputChannels: geometry.output.channels, stride: geometry.stride,
            padding: geometry.padding))
      case .batchNormalization:
        values.append(
          referenceBatchNormalization(
            inputs[0], gamma: parameter("\(node.name).weight"), beta: parameter("\(node.name).bias")
          ))
      case .relu: values.append(referenceReLU(inputs[0]))
      case .add: values.append(referenceAdd(inputs[0], inputs[1]))
      case .zeroPaddedShortcut(let stride):
        values.append(
          referenceShortcutA(inputs[0], stride: stride, outputChannels: node.shape.channels))
      case .maxPooling(let geometry):
        values.append(
          referenceMaxPooling(
            inputs[0], kernel: geometry.kernelHeight, stride: geometry.stride,
            padding: geometry.padding))
      case .averagePooling(let geometry):
        values.append(referenceAveragePooling(inputs[0], window: geometry.kernelHeight))
      case .globalAveragePooling: values.append(referenceGlobalAveragePooling(inputs[0]))
      case .fullyConnected(let outputs):
        values.append(
          ReferenceImages(
            images: batch.count, height: 1, width: 1, channels: outputs,
            values: referenceFullyConnected(
              inputs[0].values, images: batch.count, weights: parameter("\(node.name).weight"),
              bias: parameter("\(node.name).bias"))))
      }
    }
    return referenceCrossEntropy(
      logits: values[values.count - 1].values, labels: batch.labels.map { Int($0) })
  }
}
