/// Any architecture in Float64: the reference layers, one after another.

import Foundation
import Networks
import TestSupport

extension Architecture {
  /// The mean loss of a classifier in training mode.
  ///
  /// - Parameters:
  ///   - parameters: in the layout's order.
  ///   - runningStatistics: likewise; for frozen layers.
  func referenceLoss(
    parameters: [Double], batch: Batch, runningStatistics: [Double] = []
  ) -> Double {
    let outputs = referenceOutputs(
      parameters: parameters, images: batch.images, count: batch.count,
      runningStatistics: runningStatistics)
    return referenceCrossEntropy(
      logits: outputs[0].values, labels: batch.labels.map { Int($0) })
  }

  /// The outputs in training mode.
  func referenceOutputs(
    parameters: [Double], images: [Float], count: Int, runningStatistics: [Double] = []
  ) -> [ReferenceImages] {
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
            images: count, height: node.shape.height, width: node.shape.width,
            channels: node.shape.channels, values: images.map(Double.init)))
      case let convolution as ConvolutionOperation:
        values.append(
          referenceConvolution(
            inputs[0], weights: parameter("\(node.name).weight"),
            filter: (convolution.kernel, convolution.kernel),
            outputChannels: convolution.channels, stride: convolution.stride,
            padding: convolution.padding))
      case is BatchNormalizationOperation where layout.isFrozen(node.name):
        let slot = layout.runningStatistics.first { $0.name == node.name }!
        values.append(
          referenceBatchNormalization(
            inputs[0], gamma: parameter("\(node.name).weight"),
            beta: parameter("\(node.name).bias"), mean: Array(runningStatistics[slot.mean]),
            variance: Array(runningStatistics[slot.variance])))
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
            images: count, height: 1, width: 1, channels: layer.outputs,
            values: referenceFullyConnected(
              inputs[0].values, images: count, weights: parameter("\(node.name).weight"),
              bias: parameter("\(node.name).bias"))))
      case let excitation as SqueezeExcitationOperation:
        var hidden = referenceFullyConnected(
          referenceGlobalAveragePooling(inputs[0]).values, images: count,
          weights: parameter("\(node.name).fc1.weight"),
          bias: parameter("\(node.name).fc1.bias"))
        hidden = hidden.map { max(0, $0) }
        precondition(hidden.count == count * excitation.hidden)
        let gates = referenceFullyConnected(
          hidden, images: count, weights: parameter("\(node.name).fc2.weight"),
          bias: parameter("\(node.name).fc2.bias")
        ).map { 1 / (1 + exp(-$0)) }
        var scaled = inputs[0]
        for index in scaled.values.indices {
          let (image, channel) = (
            index / node.shape.count, index % node.shape.channels
          )
          scaled.values[index] *= gates[image * node.shape.channels + channel]
        }
        values.append(scaled)
      case is any Loss: values.append(inputs[0])
      case let other: preconditionFailure("no reference for \(other)")
      }
    }
    return outputs.map { values[$0] }
  }
}

extension ParameterLayout {
  /// Whether the layer's parameters are frozen.
  fileprivate func isFrozen(_ layer: String) -> Bool {
    slots.first { $0.layer == layer }?.isFrozen ?? false
  }
}
