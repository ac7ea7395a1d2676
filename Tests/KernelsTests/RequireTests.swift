/// Checks that hold in a release build, although kernels are compiled without Swift's own.

import Glibc
import Kernels
import Tensors
import Testing

@Suite struct RequireTests {
  @Test("a window beyond the resampled image ends the process, with the reason on standard error")
  func window() async throws {
    let result = try #require(
      await #expect(processExitsWith: .signal(SIGABRT), observing: [\.standardErrorContent]) {
        _ = ResamplingAxis(input: 4, box: 0...4, output: 2, window: 0..<3)
      })
    let message = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(message.contains("ImageResampling.swift"))
    #expect(message.contains("the window of a resampled image is not part of it"))
  }

  @Test("an image without pixels cannot be resampled")
  func empty() async {
    await #expect(processExitsWith: .signal(SIGABRT)) {
      _ = ResamplingAxis(input: 0, box: 0...4, output: 2, window: 0..<2)
    }
  }

  @Test("a box beyond the image cannot be resampled")
  func box() async {
    await #expect(processExitsWith: .signal(SIGABRT)) {
      _ = ResamplingAxis(input: 4, box: 1...5, output: 2, window: 0..<2)
    }
  }

  @Test("fewer labels than images end the process")
  func labels() async {
    await #expect(processExitsWith: .signal(SIGABRT)) {
      let memory = AlignedBuffer<Float>(count: 64)
      let logits = ImageTensor(
        base: memory.pointer, images: 2, shape: ImageShape(height: 1, width: 1, channels: 4))
      let labels = AlignedBuffer<Int32>(count: 1)
      _ = SoftmaxCrossEntropy.evaluate(
        logits: logits, labels: VectorView(labels.view), gradient: nil, gradientScale: 1)
    }
  }

  @Test("a pooled image of another shape than the geometry's ends the process")
  func pooling() async {
    await #expect(processExitsWith: .signal(SIGABRT)) {
      let memory = AlignedBuffer<Float>(count: 64)
      let shape = ImageShape(height: 4, width: 4, channels: 2)
      let geometry = ConvolutionGeometry(
        input: shape, kernelHeight: 2, kernelWidth: 2, outputChannels: 2, stride: 2, padding: 0)!
      let input = ImageTensor(base: memory.pointer, images: 1, shape: shape)
      let output = ImageTensor(
        base: memory.pointer + 32, images: 1, shape: ImageShape(height: 1, width: 2, channels: 2))
      MaxPooling.forward(geometry, input: input, output: output, argmax: nil)
    }
  }

  @Test("a normalization's output of fewer images than its input ends the process")
  func normalization() async {
    await #expect(processExitsWith: .signal(SIGABRT)) {
      let memory = AlignedBuffer<Float>(count: 64)
      let shape = ImageShape(height: 2, width: 2, channels: 4)
      BatchNormalization.apply(
        ImageTensor(base: memory.pointer, images: 1, shape: shape), scale: memory.pointer,
        shift: memory.pointer, addend: nil, epilogue: [],
        output: ImageTensor(base: memory.pointer, images: 2, shape: shape))
    }
  }

  @Test("a product of images of another size than the layer's ends the process")
  func product() async {
    await #expect(processExitsWith: .signal(SIGABRT)) {
      let memory = AlignedBuffer<Float>(count: 1024)
      let images = ImageTensor(
        base: memory.pointer, images: 1, shape: ImageShape(height: 1, width: 1, channels: 3))
      FullyConnected(inputs: 4, outputs: 3).forward(
        images, weights: memory.pointer, bias: memory.pointer, output: images,
        scratch: memory.pointer + 512)
    }
  }

  @Test("a scale of another size than its map's channels ends the process")
  func scale() async {
    await #expect(processExitsWith: .signal(SIGABRT)) {
      let memory = AlignedBuffer<Float>(count: 64)
      let map = ImageTensor(
        base: memory.pointer, images: 1, shape: ImageShape(height: 2, width: 2, channels: 8))
      let scale = ImageTensor(
        base: memory.pointer, images: 1, shape: ImageShape(height: 1, width: 1, channels: 4))
      ChannelScale.forward(map, scale: scale, output: map)
    }
  }
}
