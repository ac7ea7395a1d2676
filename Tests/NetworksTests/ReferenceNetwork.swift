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
      case is InputOperation:
        values.append(
          ReferenceImages(
            images: batch.count, height: node.shape.height, width: node.shape.width,
            channels: node.shape.channels, values: batch.images.map(Double.init)))
      case let convolution as ConvolutionOperation:
        values.append(
          referenceConvolution(
            inputs[0], weights: parameter("\(node.name).weight"),
            filter: (convolution.kernel, convolution.kernel),
            outputChannels: convolution.channels, stride: convolution.stride,
            padding: convolution.padding))
      case is BatchNormalizationOperation:
        values.append(
          referenceBatchNormalization(
            inputs[0], gamma: parameter("\(node.name).weight"), beta: parameter("\(node.name).bias")
          ))
      case is ReLUOperation: values.append(referenceReLU(inputs[0]))
      case is AdditionOperation: values.append(referenceAdd(inputs[0], inputs[1]))
      case let shortcut as ZeroPaddedShortcutOperation:
        values.append(
          referenceShortcutA(
            inputs[0], stride: shortcut.stride, outputChannels: node.shape.channels))
      case let pooling as MaxPoolingOperation:
        values.append(
          referenceMaxPooling(
            inputs[0], kernel: pooling.kernel, stride: pooling.stride, padding: pooling.padding))
      case let pooling as AveragePoolingOperation:
        values.append(referenceAveragePooling(inputs[0], window: pooling.height))
      case is GlobalAveragePoolingOperation:
        values.append(referenceGlobalAveragePooling(inputs[0]))
      case let layer as FullyConnectedOperation:
        values.append(
          ReferenceImages(
            images: batch.count, height: 1, width: 1, channels: layer.outputs,
            values: referenceFullyConnected(
              inputs[0].values, images: batch.count, weights: parameter("\(node.name).weight"),
              bias: parameter("\(node.name).bias"))))
      case is SoftmaxCrossEntropyLoss:
        return referenceCrossEntropy(
          logits: inputs[0].values, labels: batch.labels.map { Int($0) })
      case let other: preconditionFailure("no reference for \(other)")
      }
    }
    return referenceCrossEntropy(
      logits: values[values.count - 1].values, labels: batch.labels.map { Int($0) })
  }
}
