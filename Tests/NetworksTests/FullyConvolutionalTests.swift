/// Networks applied at every position of an image: `Oracles/evaluation/make_fixtures.py`.

import Kernels
import Networks
import Tensors
import TestSupport
import Testing

private let networks: [Architecture] =
  [.small(.a), .small(.b), .small(nil)]
  + ["resnet18", "resnext50_32x4d", "resnext29_8x64d"].map {
    try! ModelCatalog.architecture(
      named: $0, classes: 5, input: ImageShape(height: 32, width: 32, channels: 3))
  }

@Suite struct FullyConvolutionalTests {
  @Test("on images of the network's own size the scores are the network's, bit for bit")
  func ownSize() throws {
    for network in networks {
      let dense = try network.fullyConvolutional(input: network.input)
      #expect(dense.positions == 1)
      #expect(dense.classes == network.classes)
      #expect(dense.parameterCount == network.parameterCount)
      let batch = Batch(of: network, count: 3, seed: 5)
      let replica = try TrainingReplica(alone: network, batch: 3, shards: 3)
      let whole = try Replica(
        dense, evaluation: ShardLayout(batch: 3, shards: 3),
        exchange: SingleRankExchange(), sharing: replica)
      let expected = bits(try replica.evaluate(batch).logits)
      let scores = bits(try whole.scoringPass(images: batch.images, batch: 3))
      #expect(scores == expected, "\(network.name)")
    }
  }

  @Test("on larger images logits and averaged scores are PyTorch's", arguments: [1, 2])
  func larger(threads: Int) throws {
    let fixture = try NetworkFixture("resnet8-B")
    let file = try NetworkFixture.open("evaluation-resnet8-B")
    let shape = ImageShape(height: 20, width: 28, channels: 3)
    let dense = try fixture.architecture.fullyConvolutional(input: shape)
    #expect(dense.positions == 15)
    let replica = try Replica(
      dense, evaluation: ShardLayout(batch: 2, shards: 2), threads: threads,
      exchange: SingleRankExchange())
    try replica.load(stateDictionary: fixture.state())
    let images = imagesFromNCHW(
      try file.float32("dense.input", shape: [2, 3, 20, 28]), shape: [2, 3, 20, 28])
    let logits = Array(try replica.scoringPass(images: images, batch: 2))
    let expected = try file.float32("dense.logits", shape: [2, 3, 5, 10])
    #expect(normwiseError(logits, expected) < 1e-4)
    let scores = AlignedBuffer<Double>(count: 20)
    let scratch = AlignedBuffer<Double>(count: 10)
    logits.withUnsafeBufferPointer { logits in
      for image in 0..<2 {
        SoftmaxScores.add(
          VectorView(logits).row(image, width: 150), positions: 15, classes: 10,
          to: scores.view.row(image, width: 10), exponentials: scratch.view)
      }
    }
    let averaged = try file.float32("dense.scores", shape: [2, 10])
    #expect(normwiseError(scores.elements.map { Float($0) }, averaged) < 1e-5)
  }

  @Test("an image whose map is smaller than the window is refused")
  func tooSmall() throws {
    let network = Architecture.small(.a)
    let input = ImageShape(height: 7, width: 40, channels: 3)
    let error = #expect(throws: FullyConvolutionalError.self) {
      try network.fullyConvolutional(input: input)
    }
    #expect("\(error!)".contains("2×10 map of a 7×40 image and pools 3×3"), "\(error!)")
  }

  @Test("a network without global pooling has no fully convolutional form")
  func noPooling() throws {
    let shape = ImageShape(height: 4, width: 4, channels: 3)
    var builder = ArchitectureBuilder(input: shape)
    let value = builder.convolution("conv1", builder.input, channels: 16, kernel: 3)
    _ = builder.fullyConnected("fc", value, outputs: 5)
    let network = builder.architecture(name: "headless", summary: "")
    #expect(throws: FullyConvolutionalError.noGlobalPooling(name: "headless")) {
      try network.fullyConvolutional(input: shape)
    }
  }
}
