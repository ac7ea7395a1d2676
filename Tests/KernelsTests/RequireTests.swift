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
