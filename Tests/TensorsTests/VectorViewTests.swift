/// Views of vectors.

import Tensors
import Testing

@Suite struct VectorViewTests {
  @Test("rows and ranges are parts of the memory they view")
  func parts() {
    let buffer = AlignedBuffer<Float>(count: 12)
    for index in 0..<12 { buffer.view[index] = Float(index) }
    let row = buffer.view.row(1, width: 4)
    #expect(Array(row.elements) == [4, 5, 6, 7])
    row[2] = 60
    #expect(buffer.view[6] == 60)
    #expect(Array(VectorView(buffer.view)[5..<7].elements) == [5, 60])
    #expect(Array(VectorView(buffer.view).row(2, width: 4).elements) == [8, 9, 10, 11])
    #expect(buffer.view[10...].count == 2)
  }

  @Test("a copy fills the first elements, also from memory that overlaps them")
  func update() {
    let buffer = AlignedBuffer<Int32>(count: 5)
    buffer.view.update(repeating: 7)
    for index in 0..<5 { buffer.view[index] = Int32(index) }
    buffer.view.update(from: buffer.view[1..<4])
    #expect(Array(buffer.elements) == [1, 2, 3, 3, 4])
    buffer.view.update(from: VectorView(buffer.view)[0..<0])
    #expect(Array(buffer.elements) == [1, 2, 3, 3, 4])
  }

  @Test("the bytes of a view and the elements of a byte buffer are the same memory")
  func bytes() {
    let buffer = AlignedBuffer<UInt8>(count: 64)
    let words = buffer.view(of: UInt32.self, at: 8, count: 3)
    words[1] = 0x0403_0201
    #expect(Array(buffer.elements[12..<16]) == [1, 2, 3, 4])
    #expect(Array(VectorView(words).bytes[4..<8].elements) == [1, 2, 3, 4])
    #expect(words.bytes.count == 12)
  }
}
