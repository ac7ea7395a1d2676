/// Values whose number of rows the data decide, up to a planned maximum, as regions of interest are.

import Networks
import Optimizers
import Tensors
import TestSupport
import Testing

/// Rows that an image makes: two where its first number is positive, else one.
private func rowCount(_ image: UnsafePointer<Float>) -> Int { image[0] > 0 ? 2 : 1 }

/// Copies each image as often as it makes rows.
private struct Repeat: Operation {
  func outputShape(of inputs: [ImageShape]) -> ImageShape? { inputs[0] }
  func outputRows(of inputs: [RowCount]) -> RowCount { .dynamic(set: 0, perImage: 2) }
  func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [] }
  func layer(_ step: LoweredStep) -> any PlannedLayer {
    Layer(name: step.name, source: step.source(0), output: step.output)
  }
  func onnx(_ node: ONNXOperands) -> ONNXOperators { ONNXOperators([]) }

  struct Layer: PlannedLayer {
    let name: String
    let source: ActivationSource
    let output: TensorSlot

    func forward(_ pass: PassContext) {
      pass.forEachShard { shard, _ in
        let images = source.stored(pass, shard: shard)
        let size = images.shape.count
        let counts = (0..<images.images).map { rowCount(images.base + $0 * size) }
        pass.setRowCount(counts.reduce(0, +), of: output, shard: shard)
        var row = pass.tensor(output, shard: shard).base
        for (image, count) in counts.enumerated() {
          for _ in 0..<count {
            row.update(from: images.base + image * size, count: size)
            row += size
          }
        }
      }
    }

    func backward(_ pass: PassContext) {}
  }
}

/// Adds up the rows of each image; reads the images again to know how many there are.
private struct SumRows: Operation {
  func outputShape(of inputs: [ImageShape]) -> ImageShape? { inputs[0] }
  func outputRows(of inputs: [RowCount]) -> RowCount { inputs[1] }
  func backwardReads(trainsParameters: Bool, propagates: Bool) -> [Operand] { [.input(1)] }
  func layer(_ step: LoweredStep) -> any PlannedLayer {
    Layer(
      name: step.name, rows: step.source(0), images: step.source(1), output: step.output,
      outputGradient: step.outputGradient, inputGradient: step.inputGradient(0))
  }
  func onnx(_ node: ONNXOperands) -> ONNXOperators { ONNXOperators([]) }

  struct Layer: PlannedLayer {
    let name: String
    let rows: ActivationSource
    let images: ActivationSource
    let output: TensorSlot
    let outputGradient: TensorSlot?
    let inputGradient: GradientTarget?

    /// Calls `body` with each image and each of its rows, counted in the shard.
    private func forEachRow(
      _ pass: PassContext, _ shard: Int, _ body: (_ image: Int, _ row: Int) -> Void
    ) {
      let images = images.stored(pass, shard: shard)
      var row = 0
      for image in 0..<images.images {
        for _ in 0..<rowCount(images.base + image * images.shape.count) {
          body(image, row)
          row += 1
        }
      }
    }

    func forward(_ pass: PassContext) {
      pass.forEachShard { shard, _ in
        let (rows, sums) = (rows.stored(pass, shard: shard), pass.tensor(output, shard: shard))
        let size = sums.shape.count
        sums.base.update(repeating: 0, count: sums.count)
        forEachRow(pass, shard) { image, row in
          for index in 0..<size {
            sums.base[image * size + index] += rows.base[row * size + index]
          }
        }
      }
    }

    func backward(_ pass: PassContext) {
      guard let outputGradient, let inputGradient else { return }
      pass.forEachShard { shard, _ in
        let gradient = pass.tensor(outputGradient, shard: shard)
        let target = pass.tensor(inputGradient.slot, shard: shard)
        let size = gradient.shape.count
        forEachRow(pass, shard) { image, row in
          (target.base + row * size).update(from: gradient.base + image * size, count: size)
        }
      }
    }
  }
}

@Suite struct DynamicRowsTests {
  private static let network: Architecture = {
    var builder = ArchitectureBuilder(input: ImageShape(height: 1, width: 1, channels: 6))
    let rows = builder.append("repeat", Repeat(), builder.input)
    let scores = builder.fullyConnected("fc", rows, outputs: 3)
    _ = builder.append("sum", SumRows(), scores, builder.input)
    return builder.architecture(name: "rows", summary: "").classifier
  }()

  @Test("a layer over rows has the gradients of its images' rows", arguments: [1, 3])
  func gradients(threads: Int) throws {
    let network = Self.network
    let batch = Batch(of: network, count: 9, seed: 2)
    let replica = try TrainingReplica(alone: network, batch: 9, shards: 4, threads: threads)
    replica.gradients.update(repeating: .nan)
    let loss = try replica.train(batch).loss / 9
    let parameters = replica.parameters.map { Double($0) }
    func reference(_ parameters: [Double]) -> Double {
      var logits: [Double] = []
      for image in 0..<9 {
        let pixels = batch.images[image * 6..<image * 6 + 6].map { Double($0) }
        let count: Double = pixels[0] > 0 ? 2 : 1
        for output in 0..<3 {
          let sum = (0..<6).reduce(parameters[18 + output]) {
            $0 + pixels[$1] * parameters[$1 * 3 + output]
          }
          logits.append(count * sum)
        }
      }
      return referenceCrossEntropy(logits: logits, labels: batch.labels.map { Int($0) })
    }
    #expect(abs(loss - reference(parameters)) < 1e-6 * loss)
    let expected = centralDifferences(at: parameters, of: reference)
    #expect(relativeError(Array(replica.gradients), expected, scale: 0.1) < 1e-5)
  }

  @Test("rows give the same bits on any number of ranks")
  func ranks() throws {
    func run(_ ranks: Int) throws -> [[UInt32]] {
      let world = try InMemoryRanks(batch: 9, shards: 4, ranks: ranks)
      return try world.run { layout, exchange in
        let replica = TrainingReplica(
          Self.network, training: layout, evaluation: layout, exchange: exchange)
        replica.initialize(seed: 5)
        let optimizer = Optimizer(
          SGD(momentum: 0.9, weightDecay: 0, normalizationWeightDecay: 0), of: replica)
        for step in 0..<3 {
          _ = try replica.train(Batch(of: Self.network, count: 9, seed: UInt64(step)))
          try world.combineGradients(of: replica)
          optimizer.step(learningRate: 0.1)
        }
        return bits(replica.parameters)
      }
    }
    let one = try run(1)[0]
    for ranks in [2, 3, 4] {
      for other in try run(ranks) {
        let same = other == one
        #expect(same, "\(ranks) ranks")
      }
    }
  }
}
