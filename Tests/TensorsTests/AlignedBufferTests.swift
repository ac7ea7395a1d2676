/// Tests of owned, aligned memory.

import Tensors
import Testing

@Suite struct AlignedBufferTests {
  @Test(
    "a buffer starts on a cache line, whatever its size", arguments: [0, 1, 7, 16, 1000, 1 << 20])
  func alignment(count: Int) {
    let buffer = AlignedBuffer<Float>(count: count)
    #expect(UInt(bitPattern: buffer.pointer) % 64 == 0)
    #expect(buffer.elements.count == count)
  }

  @Test("a new buffer is all zeros, also where used memory is recycled")
  func zeros() {
    for _ in 0..<8 {
      let used = AlignedBuffer<Int32>(count: 4096)
      used.elements.update(repeating: -1)
    }
    let fresh = AlignedBuffer<Int32>(count: 4096)
    #expect(fresh.elements.allSatisfy { $0 == 0 })
  }

  @Test("a tensor view's rows and columns make up all its elements")
  func viewCounts() {
    let buffer = AlignedBuffer<Float>(count: 2 * 3 * 4 * 5)
    let tensor = ImageTensor(
      base: buffer.pointer, images: 2, shape: ImageShape(height: 3, width: 4, channels: 5))
    #expect(tensor.count == 120)
    #expect(tensor.rows == 24 && tensor.channels == 5)
  }
}
