/// The three equivalent forms of a ResNeXt block (Xie et al. 2017, Fig. 3).

import Networks
import Tensors
import TestSupport
import Testing

@Suite struct ResNeXtFormsTests {
  private static let paths = 4
  private static let width = 3
  private static let channels = 24
  private static let input = ImageShape(height: 7, width: 6, channels: channels)

  /// Form (c): grouped convolutions, as the catalog's networks are built.
  private static var grouped: Architecture {
    var builder = ArchitectureBuilder(input: input)
    var value = builder.convolution(
      "conv1", builder.input, channels: paths * width, kernel: 1)
    value = builder.relu(builder.batchNormalization("bn1", value))
    value = builder.convolution(
      "conv2", value, channels: paths * width, kernel: 3, groups: paths)
    value = builder.relu(builder.batchNormalization("bn2", value))
    value = builder.convolution("conv3", value, channels: channels, kernel: 1)
    return finish(&builder, branch: value)
  }

  /// Form (a): every path by itself, and their sum.
  private static var splitTransformMerge: Architecture {
    var builder = ArchitectureBuilder(input: input)
    var sum: ArchitectureBuilder.Value?
    for path in 0..<paths {
      var value = builder.convolution(
        "path\(path).conv1", builder.input, channels: width, kernel: 1)
      value = builder.relu(builder.batchNormalization("path\(path).bn1", value))
      value = builder.convolution("path\(path).conv2", value, channels: width, kernel: 3)
      value = builder.relu(builder.batchNormalization("path\(path).bn2", value))
      value = builder.convolution("path\(path).conv3", value, channels: channels, kernel: 1)
      sum = sum.map { builder.add($0, value) } ?? value
    }
    return finish(&builder, branch: sum!)
  }

  private static func finish(
    _ builder: inout ArchitectureBuilder, branch: ArchitectureBuilder.Value
  ) -> Architecture {
    let normalized = builder.batchNormalization("bn3", branch)
    let block = builder.relu(builder.add(normalized, builder.input))
    let pooled = builder.globalAveragePooling("avgpool", block)
    _ = builder.fullyConnected("fc", pooled, outputs: 5)
    return builder.architecture(name: "block", summary: "")
  }

  /// The grouped form's tensors as the paths' tensors: each path has a group's channels.
  private static func divided(_ tensors: [StateTensor]) -> [StateTensor] {
    tensors.flatMap { tensor -> [StateTensor] in
      let layer = tensor.name.prefix { $0 != "." }
      guard ["conv1", "bn1", "conv2", "bn2", "conv3"].contains(layer) else { return [tensor] }
      return (0..<paths).map { path in
        var shape = tensor.shape
        var values: [Float]
        if layer == "conv3" {
          // Of [K, paths · width], the columns of this path.
          shape[1] = width
          values = (0..<channels).flatMap { k in
            (0..<width).map { tensor.values[(k * paths + path) * width + $0] }
          }
        } else {
          shape[0] = width
          let count = tensor.values.count / paths
          values = Array(tensor.values[path * count..<(path + 1) * count])
        }
        return StateTensor(name: "path\(path).\(tensor.name)", shape: shape, values: values)
      }
    }
  }

  /// Nothing is trivially 0 or 1.
  private static var state: [StateTensor] {
    ParameterLayout(grouped).stateShapes.map { name, shape in
      StateTensor(name: name, shape: shape, values: fixtureStateTensor(name, shape: shape))
    }
  }

  /// Form (b) in Float64: the paths' 3×3 results are concatenated before one 1×1 convolution.
  private static func earlyConcatenation(_ batch: Batch) -> [Double] {
    let tensors = Dictionary(uniqueKeysWithValues: state.map { ($0.name, $0) })
    func filters(_ name: String, rows: Range<Int>) -> [Double] {
      let tensor = tensors[name]!
      let count = tensor.values.count / tensor.shape[0]
      let part = tensor.values[rows.lowerBound * count..<rows.upperBound * count]
      return filtersFromOIHW(Array(part), shape: [rows.count] + tensor.shape[1...]).map(Double.init)
    }
    func normalized(_ images: ReferenceImages, _ name: String, from first: Int) -> ReferenceImages {
      func value(_ suffix: String, _ channel: Int) -> Double {
        Double(tensors["\(name).\(suffix)"]!.values[first + channel])
      }
      var result = images
      for index in images.values.indices {
        let c = index % images.channels
        result.values[index] =
          (images.values[index] - value("running_mean", c))
          / (value("running_var", c) + 1e-5).squareRoot() * value("weight", c) + value("bias", c)
      }
      return result
    }
    let images = ReferenceImages(
      images: batch.count, height: input.height, width: input.width, channels: channels,
      values: batch.images.map(Double.init))
    var concatenated = ReferenceImages(
      images: batch.count, height: input.height, width: input.width, channels: paths * width)
    for path in 0..<paths {
      let rows = path * width..<(path + 1) * width
      var value = referenceConvolution(
        images, weights: filters("conv1.weight", rows: rows), filter: (1, 1),
        outputChannels: width, stride: 1, padding: 0)
      value = referenceReLU(normalized(value, "bn1", from: rows.lowerBound))
      value = referenceConvolution(
        value, weights: filters("conv2.weight", rows: rows), filter: (3, 3),
        outputChannels: width, stride: 1, padding: 1)
      value = referenceReLU(normalized(value, "bn2", from: rows.lowerBound))
      for pixel in 0..<value.values.count / width {
        for c in 0..<width {
          concatenated.values[pixel * paths * width + rows.lowerBound + c] =
            value.values[pixel * width + c]
        }
      }
    }
    let merged = referenceConvolution(
      concatenated, weights: filters("conv3.weight", rows: 0..<channels), filter: (1, 1),
      outputChannels: channels, stride: 1, padding: 0)
    let block = referenceReLU(referenceAdd(normalized(merged, "bn3", from: 0), images))
    let classifier = tensors["fc.weight"]!
    let weights = (0..<channels).flatMap { c in
      (0..<5).map { Double(classifier.values[$0 * channels + c]) }
    }
    return referenceFullyConnected(
      referenceGlobalAveragePooling(block).values, images: batch.count, weights: weights,
      bias: tensors["fc.bias"]!.values.map(Double.init))
  }

  private static func logits(
    _ architecture: Architecture, _ state: [StateTensor], _ batch: Batch
  ) throws -> [Float] {
    let layout = try ShardLayout(batch: batch.count, shards: 1)
    let replica = Replica(
      architecture.classifier, evaluation: layout, exchange: SingleRankExchange())
    try replica.load(stateDictionary: state)
    return try replica.evaluate(batch).logits
  }

  @Test("split-transform-merge, early concatenation and grouped convolution compute the same")
  func forms() throws {
    let batch = Batch(of: Self.grouped, count: 3, seed: 1)
    let grouped = try Self.logits(Self.grouped, Self.state, batch)
    let split = try Self.logits(Self.splitTransformMerge, Self.divided(Self.state), batch)
    let concatenated = Self.earlyConcatenation(batch).map { Float($0) }
    #expect(normwiseError(split, concatenated) < 1e-5)
    #expect(normwiseError(grouped, concatenated) < 1e-5)
    #expect(Self.grouped.parameterCount == Self.splitTransformMerge.parameterCount)
    #expect(Self.grouped.multiplyAdds == Self.splitTransformMerge.multiplyAdds)
  }
}
