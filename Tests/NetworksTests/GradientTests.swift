/// The plan's backward pass against central differences, for graphs beyond the CIFAR networks.

import Networks
import Tensors
import TestSupport
import Testing

/// A small network around one way in which nodes may be connected.
struct Graph: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let architecture: Architecture

  /// - Parameter body: from an activation of 6×5×4 (a convolution's) to any other.
  private init(
    _ description: String, _ body: (inout ArchitectureBuilder, _ input: Int) -> Int
  ) {
    testDescription = description
    var builder = ArchitectureBuilder(input: ImageShape(height: 6, width: 5, channels: 2))
    var value = builder.convolution("stem", builder.input, channels: 4, kernel: 3)
    value = body(&builder, value)
    value = builder.globalAveragePooling("pool", value)
    _ = builder.fullyConnected("fc", value, outputs: 3)
    architecture = builder.architecture(name: "graph", summary: description)
  }

  static let all: [Graph] = [
    Graph("normalization without a ReLU") { $0.batchNormalization("bn", $1) },
    Graph("ReLU behind a convolution") { $0.relu($1) },
    Graph("two ReLUs in a row") { $0.relu($0.relu($0.batchNormalization("bn", $1))) },
    Graph("two normalizations in a row") {
      $0.batchNormalization("bn2", $0.batchNormalization("bn1", $1))
    },
    Graph("a value added to itself") { $0.relu($0.add($1, $1)) },
    Graph("a normalized value added to itself") {
      let normal = $0.batchNormalization("bn", $1)
      return $0.relu($0.add(normal, normal))
    },
    Graph("a value added to its own normalization") {
      $0.relu($0.add($0.batchNormalization("bn", $1), $1))
    },
    Graph("a value, first, added to its own normalization") {
      $0.relu($0.add($1, $0.batchNormalization("bn", $1)))
    },
    Graph("normalization of a value with other readers, as in pre-activation blocks") {
      var value = $1
      for block in ["a", "b"] {
        var branch = $0.relu($0.batchNormalization("\(block).bn1", value))
        branch = $0.convolution("\(block).conv1", branch, channels: 4, kernel: 3)
        branch = $0.relu($0.batchNormalization("\(block).bn2", branch))
        branch = $0.convolution("\(block).conv2", branch, channels: 4, kernel: 3)
        value = $0.add(branch, value)
      }
      return $0.relu($0.batchNormalization("bn", value))
    },
    Graph("two normalizations that meet in an addition") {
      let left = $0.batchNormalization("bn1", $0.convolution("c1", $1, channels: 4, kernel: 1))
      let right = $0.batchNormalization("bn2", $0.convolution("c2", $1, channels: 4, kernel: 3))
      return $0.relu($0.add(left, right))
    },
    Graph("two normalizations of one value that meet") {
      $0.relu($0.add($0.batchNormalization("bn1", $1), $0.batchNormalization("bn2", $1)))
    },
    Graph("two normalizations of one value, one of them rectified, that meet") {
      $0.add($0.relu($0.batchNormalization("bn1", $1)), $0.batchNormalization("bn2", $1))
    },
    Graph("a value with four readers") {
      let value = $0.relu($0.batchNormalization("bn", $1))
      let one = $0.convolution("c1", value, channels: 4, kernel: 3)
      let two = $0.convolution("c2", value, channels: 4, kernel: 1)
      return $0.add($0.add($0.add(one, value), two), value)
    },
    Graph("strides and odd sizes") {
      var value = $0.relu($0.batchNormalization("bn1", $1))
      let shortcut = $0.zeroPaddedShortcut("s", value, channels: 6, stride: 2)
      value = $0.convolution("c", value, channels: 6, kernel: 3, stride: 2)
      return $0.relu($0.add($0.batchNormalization("bn2", value), shortcut))
    },
    Graph("a zero-padded shortcut that does not grow, of a value with other readers") {
      let shortcut = $0.zeroPaddedShortcut("s", $1, channels: 4, stride: 1)
      return $0.add($0.relu($0.batchNormalization("bn", $1)), shortcut)
    },
    Graph("max pooling as in ImageNet's stem, of a value with other readers") {
      let value = $0.relu($0.batchNormalization("bn", $1))
      let pooled = $0.maxPooling("max", value, kernel: 3, stride: 2, padding: 1)
      let strided = $0.convolution("c", value, channels: 4, kernel: 1, stride: 2)
      return $0.add(pooled, strided)
    },
    Graph("max pooling, 2×2") {
      $0.maxPooling("max", $1, kernel: 2, stride: 2, padding: 0)
    },
    Graph("7×7 with stride 2") { $0.convolution("c", $1, channels: 5, kernel: 7, stride: 2) },
  ]
}

@Suite struct GradientTests {
  @Test(
    "every parameter's gradient is the central difference of the loss in Float64",
    arguments: Graph.all, [true, false])
  func gradients(_ graph: Graph, fuse: Bool) throws {
    let architecture = graph.architecture
    for (seed, shards) in [(UInt64(1), 1), (2, 3)] {
      let batch = Batch(of: architecture, count: 5, seed: seed)
      let replica = try TrainingReplica(
        alone: architecture, batch: 5, shards: shards, fuse: fuse, seed: seed)
      var data = TestData(seed: seed)
      for index in replica.parameterLayout.normalization {
        replica.parameters[index] += Float(data.uniform(count: 1, from: -0.3, to: 0.3)[0])
      }
      let parameters = replica.parameters.map { Double($0) }
      // Whatever an earlier pass left, and gradients that nobody writes, must not be seen.
      replica.gradients.update(repeating: .nan)
      _ = try replica.train(batch)
      let indices = replica.parameterLayout.slots.flatMap { slot in
        (0..<min(5, slot.range.count)).map { _ in
          data.integer(in: slot.range.lowerBound...slot.range.upperBound - 1)
        }
      }
      let expected = centralDifferences(at: parameters, step: 1e-6, indices: indices) {
        architecture.referenceLoss(parameters: $0, batch: batch)
      }
      let gradients = indices.map { replica.gradients[$0] }
      let scale = expected.map { abs($0) }.max()!
      let error = relativeError(gradients, expected, scale: scale)
      #expect(error < 1e-5, "\(data), \(shards) shards")
    }
  }
}
