/// A dense regression with two losses on one trunk, from an image source through the loader and the
/// training step.

import Datasets
import Distributed
import Evaluation
import MPI
import Networks
import Optimizers
import Tensors

/// Images with their inverted red channel and their mean colour as targets.
private struct InvertedImages: ImageSource {
  static let side = 8
  static let inverse = TargetLayout(name: "inverse", .float32, count: side * side)
  static let mean = TargetLayout(name: "mean", .float32, count: 3)

  private let images = SyntheticImages(
    count: 60, classCount: 3, shape: ImageShape(height: side, width: side, channels: 3), seed: 9,
    split: .train)

  var name: String { "inverted images" }
  var count: Int { images.count }
  var classNames: [String] { images.classNames }
  var imageShape: ImageShape? { images.imageShape }
  var fingerprint: String { "inverted" }
  var targetLayouts: [TargetLayout] { [Self.mean, Self.inverse] }

  func label(at index: Int) -> Int { images.label(at: index) }

  func writeTarget(of index: Int, to target: inout TargetSpace) {
    var image = ImageBuffer()
    // Made-up images are always there.
    try! images.read(index, into: &image)
    let pixels = image.pixels
    let area = Self.side * Self.side
    if target.layout == Self.inverse {
      target.write((0..<area).map { 1 - Float(pixels[3 * $0]) / 255 })
    } else {
      target.write(
        (0..<3).map { channel in
          (0..<area).reduce(0) { $0 + Float(pixels[3 * $1 + channel]) } / Float(255 * area)
        })
    }
  }

  func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) {
    images.read(index, into: &image, divisor: divisor)
  }
}

private struct RegressionHead: Head {
  func attached(to network: Architecture) -> Architecture {
    network
      .adding(
        RegressionError(.squared, target: InvertedImages.inverse), "inverse loss",
        of: network.outputs[0]
      )
      .adding(
        RegressionError(.smoothL1(beta: 0.1), target: InvertedImages.mean, weight: 2), "mean loss",
        of: network.outputs[1])
  }

  static func metrics(_ sums: LossSums) -> [Double] { [sums.loss, sums.from(2).loss] }

  static let network: Architecture = {
    let side = InvertedImages.side
    var builder = ArchitectureBuilder(input: ImageShape(height: side, width: side, channels: 3))
    var value = builder.convolution("stem", builder.input, channels: 8, kernel: 3)
    value = builder.relu(builder.batchNormalization("bn1", value))
    let branch = builder.batchNormalization(
      "bn2", builder.convolution("conv2", value, channels: 8, kernel: 3))
    value = builder.relu(builder.add(branch, value))
    let map = builder.convolution("map", value, channels: 1, kernel: 1)
    let mean = builder.fullyConnected(
      "mean", builder.globalAveragePooling("pool", value), outputs: 3)
    return RegressionHead().attached(
      to: builder.architecture(name: "regression", summary: "", outputs: [map, mean]))
  }()
}

private func train(_ layout: ShardLayout, on group: ProcessGroup) throws -> [[Double]] {
  let source = InvertedImages()
  try source.check(targets: RegressionHead.network.targetLayouts)
  let normalization = Normalization(
    mean: .perChannel([0.5, 0.5, 0.5]), deviation: [0.25, 0.25, 0.25])
  let engine = try TrainingEngine(
    RegressionHead.network, NormalizationGroups(whole: layout),
    options: .init(
      optimizer: SGD(momentum: 0.9, weightDecay: 1e-4, normalizationWeightDecay: 0)), group: group)
  engine.replica.initialize(seed: 3)
  let loader = BatchLoader(
    source: source, normalization: normalization, transform: .none, order: .shuffled(seed: 2),
    batchSize: layout.capacity, localRange: layout.localPositions, steps: 0..<12,
    targets: RegressionHead.network.targetLayouts, workers: 2)
  var losses: [Double] = []
  for step in 1...12 {
    losses.append(try engine.step(step, learningRate: 0.002, from: loader).loss)
  }
  let evaluation = try Evaluator(
    engine.replica, source: source, normalization: normalization, workers: 1,
    exchange: engine.statistics
  ).evaluate(RegressionHead.self)
  return [losses, evaluation, engine.replica.parameters.map { Double($0) }]
}

/// Trains on these ranks and on one, and compares.
func compareRegression(_ communicator: Communicator) throws {
  let (batch, shards) = (20, 8)
  guard communicator.size <= shards else { return }
  let layout = try ShardLayout(
    batch: batch, shards: shards, ranks: communicator.size, rank: communicator.rank)
  let here = try train(layout, on: ProcessGroup(world: communicator))
  let alone = try train(
    ShardLayout(batch: batch, shards: shards), on: ProcessGroup(world: .selfOnly))
  for (name, (found, expected)) in zip(
    ["losses", "evaluation", "parameters"], zip(here, alone))
  { expect(found == expected, "\(name) differ") }
  expect(alone[0].last! < 0.8 * alone[0][0], "the loss does not fall: \(alone[0])")
}
