/// Networks that are no classifiers: several outputs, several losses, maps as targets.

import Networks
import Optimizers
import Tensors
import TestSupport
import Testing

/// A dense map and two numbers from one trunk, with a loss each.
private struct DenseRegression: Head {
  static let map = TargetLayout(name: "depth", .float32, count: 6 * 5)
  static let numbers = TargetLayout(name: "pose", .float32, count: 2)
  /// Sums of a loss: samples and loss.
  struct Metrics: Equatable {
    var mapLoss = 0.0
    var numbersLoss = 0.0
  }

  func attached(to network: Architecture) -> Architecture {
    network
      .adding(RegressionError(.squared, target: Self.map), "map loss", of: network.outputs[0])
      .adding(
        RegressionError(.smoothL1(beta: 0.5), target: Self.numbers, weight: 3), "numbers loss",
        of: network.outputs[1])
  }

  static func metrics(_ sums: LossSums) -> Metrics {
    Metrics(mapLoss: sums.loss, numbersLoss: sums.from(2).loss)
  }

  static let network: Architecture = {
    var builder = ArchitectureBuilder(input: ImageShape(height: 6, width: 5, channels: 2))
    var value = builder.convolution("stem", builder.input, channels: 4, kernel: 3)
    value = builder.relu(builder.batchNormalization("bn", value))
    let branch = builder.batchNormalization(
      "bn2", builder.convolution("c2", value, channels: 4, kernel: 3))
    value = builder.relu(builder.add(branch, value))
    let map = builder.convolution("map", value, channels: 1, kernel: 1)
    let pooled = builder.globalAveragePooling("pool", value)
    let numbers = builder.fullyConnected("numbers", pooled, outputs: 2)
    return DenseRegression().attached(
      to: builder.architecture(name: "dense", summary: "", outputs: [map, numbers]))
  }()
}

/// Images with a map and two numbers each.
private struct DenseBatch {
  var images: [Float]
  var maps: [Float]
  var numbers: [Float]

  init(count: Int, seed: UInt64) {
    var data = TestData(seed: seed)
    images = data.normal(count: count * 60).map { Float($0) }
    maps = data.normal(count: count * 30).map { Float($0) }
    numbers = data.normal(count: count * 2).map { Float($0) }
  }

  subscript(positions: Range<Int>) -> DenseBatch {
    var part = self
    func slice(_ values: [Float], _ count: Int) -> [Float] {
      Array(values[positions.lowerBound * count..<positions.upperBound * count])
    }
    part.images = slice(images, 60)
    part.maps = slice(maps, 30)
    part.numbers = slice(numbers, 2)
    return part
  }

  func train(_ replica: TrainingReplica) throws -> [Double] {
    try maps.withUnsafeBufferPointer { maps in
      try numbers.withUnsafeBufferPointer { numbers in
        Array(
          try replica.trainingPass(
            images: images,
            targets: Targets([VectorView(maps).bytes, VectorView(numbers).bytes])))
      }
    }
  }
}

@Suite struct HeadTests {
  @Test("two losses on two outputs train with the same bits on any number of ranks")
  func ranks() throws {
    let network = DenseRegression.network
    func run(_ ranks: Int) throws -> [(parameters: [UInt32], losses: [Double])] {
      let world = try InMemoryRanks(batch: 11, shards: 4, ranks: ranks)
      return try world.run { layout, exchange in
        let replica = TrainingReplica(
          network, training: layout, evaluation: layout, exchange: exchange)
        replica.initialize(seed: 3)
        let optimizer = Optimizer(
          SGD(momentum: 0.9, weightDecay: 1e-4, normalizationWeightDecay: 0), of: replica)
        var losses: [Double] = []
        for step in 0..<4 {
          let batch = DenseBatch(count: 11, seed: UInt64(step))
          losses += try batch[layout.localPositions].train(replica)
          try world.combineGradients(of: replica)
          optimizer.step(learningRate: 0.05)
        }
        return (bits(replica.parameters), losses)
      }
    }
    let one = try run(1)[0]
    #expect(one.losses.allSatisfy { $0.isFinite })
    for ranks in [2, 3, 4] {
      for trace in try run(ranks) {
        let same = trace.parameters == one.parameters
        #expect(same, "\(ranks) ranks")
      }
    }
  }

  @Test(
    "the gradients of two losses are the central differences of their sum",
    arguments: [true, false])
  func gradients(fuse: Bool) throws {
    let network = DenseRegression.network
    let batch = DenseBatch(count: 5, seed: 7)
    let replica = try TrainingReplica(alone: network, batch: 5, shards: 3, fuse: fuse)
    let sums = try batch.train(replica)
    let metrics = stride(from: 0, to: sums.count, by: 4).map { first in
      sums[first..<first + 4].withUnsafeBufferPointer {
        DenseRegression.metrics(LossSums(VectorView($0)))
      }
    }
    let loss = metrics.reduce(0) { $0 + $1.mapLoss + $1.numbersLoss } / 5
    let parameters = replica.parameters.map { Double($0) }
    func reference(_ parameters: [Double]) -> Double {
      let outputs = network.referenceOutputs(parameters: parameters, images: batch.images, count: 5)
      let squared = zip(outputs[0].values, batch.maps).reduce(0) {
        $0 + ($1.0 - Double($1.1)) * ($1.0 - Double($1.1))
      }
      let smooth = zip(outputs[1].values, batch.numbers).reduce(0) {
        let difference = abs($1.0 - Double($1.1))
        return $0 + (difference < 0.5 ? difference * difference : difference - 0.25)
      }
      return (squared + 3 * smooth) / 5
    }
    #expect(abs(loss - reference(parameters)) < 1e-5 * loss)
    var data = TestData(seed: 9)
    let indices = replica.parameterLayout.slots.flatMap { slot in
      (0..<3).map { _ in data.integer(in: slot.range.lowerBound...slot.range.upperBound - 1) }
    }
    let expected = centralDifferences(at: parameters, step: 1e-6, indices: indices, of: reference)
    let scale = expected.map { abs($0) }.max()!
    #expect(
      relativeError(indices.map { replica.gradients[$0] }, expected, scale: scale) < 1e-5,
      "\(data)")
  }
}
