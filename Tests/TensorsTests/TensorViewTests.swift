/// Views of activations of either element type.

import Tensors
import Testing

@Suite struct TensorViewTests {
  private let shape = ImageShape(height: 3, width: 2, channels: 5)

  @Test("sizes follow from shape, images and element type")
  func sizes() {
    let floats = AlignedBuffer<Float>(count: 120)
    let halves = AlignedBuffer<BFloat16>(count: 120)
    let full = ImageTensor(base: floats.pointer, images: 4, shape: shape)
    let half = ImageTensor(base: halves.pointer, images: 4, shape: shape)
    #expect(full.count == 120 && half.count == 120)
    #expect(full.byteCount == 480 && half.byteCount == 240)
    #expect(full.rows == 24 && full.channels == 5)
  }

  @Test("some images of a view are those elements of its memory")
  func images() {
    let buffer = AlignedBuffer<Float>(count: 120)
    let view = ImageTensor(base: buffer.pointer, images: 4, shape: shape)
    let middle = view.images(1..<3)
    #expect(middle.base == buffer.pointer + 30 && middle.images == 2 && middle.shape == shape)
    #expect(view.images(2..<2).count == 0)
  }
}
