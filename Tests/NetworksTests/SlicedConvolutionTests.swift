/// Images that convolutions take in slices, against Float64.

import Kernels
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct SlicedConvolutionTests {
  /// 1×1 convolutions of images larger than a megabyte, with normalizations around them.
  private static let architecture: Architecture = {
    var builder = ArchitectureBuilder(input: ImageShape(height: 136, width: 128, channels: 16))
    var value = builder.input
    for (name, stride) in [("a", 1), ("b", 1), ("c", 2)] {
      value = builder.convolution(name, value, channels: 16, kernel: 1, stride: stride)
      value = builder.relu(builder.batchNormalization("\(name).bn", value))
    }
    value = builder.globalAveragePooling("pool", value)
    _ = builder.fullyConnected("fc", value, outputs: 3)
    return builder.architecture(name: "slices", summary: "1×1 convolutions of large images")
  }()

  @Test("large images are taken in slices of whole rows, small ones and larger filters are not")
  func division() throws {
    func slices(_ side: Int, _ channels: Int, kernel: Int, stride: Int) -> Int? {
      ConvolutionGeometry(
        input: ImageShape(height: side, width: side, channels: channels), kernelHeight: kernel,
        kernelWidth: kernel, outputChannels: 64, stride: stride, padding: kernel / 2)?
        .slicesPerImage
    }
    // 4 rows of 56, 7 rows of 28.
    #expect(slices(56, 256, kernel: 1, stride: 1) == 14)
    #expect(slices(56, 512, kernel: 1, stride: 2) == 4)
    #expect(slices(14, 1024, kernel: 1, stride: 1) == 1)
    #expect(slices(56, 256, kernel: 3, stride: 1) == 1)
    // An odd height has no slices of two rows.
    #expect(slices(57, 512, kernel: 1, stride: 2) == 1)
  }

  @Test(
    "gradients through sliced images are the central differences in Float64", arguments: [1, 2])
  func gradients(shards: Int) throws {
    let architecture = Self.architecture
    let sliced = architecture.nodes.filter { node in
      let convolution = node.operation as? ConvolutionOperation
      let geometry = convolution?.geometry(architecture.inputShapes(of: node)[0])
      return geometry.map { $0.slicesPerImage > 1 } ?? false
    }
    #expect(sliced.count == 3)
    let batch = Batch(of: architecture, count: 2, seed: 1)
    let replica = try TrainingReplica(
      alone: architecture, batch: 2, shards: shards, fuse: true, seed: 1)
    let parameters = replica.parameters.map { Double($0) }
    replica.gradients.update(repeating: .nan)
    let loss = try replica.train(batch).loss / 2
    let expectedLoss = architecture.referenceLoss(parameters: parameters, batch: batch)
    #expect(abs(loss - expectedLoss) < 1e-5 * expectedLoss)
    var data = TestData(seed: 2)
    let indices = replica.parameterLayout.slots.flatMap { slot in
      (0..<2).map { _ in data.integer(in: slot.range.lowerBound...slot.range.upperBound - 1) }
    }
    let expected = centralDifferences(at: parameters, step: 1e-6, indices: indices) {
      architecture.referenceLoss(parameters: $0, batch: batch)
    }
    let gradients = indices.map { replica.gradients[$0] }
    #expect(gradients.allSatisfy { $0.isFinite })
    let scale = expected.map { abs($0) }.max()!
    #expect(relativeError(gradients, expected, scale: scale) < 1e-4, "\(data)")
  }
}
