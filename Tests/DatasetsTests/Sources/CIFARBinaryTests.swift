/// CIFAR's binary files, made small.

import Datasets
import TestSupport
import Testing

@Suite struct CIFARBinaryTests {
  @Test("five batches in order, planes to pixels, names from the archive's list")
  func cifar10() throws {
    let folder = try TemporaryDirectory()
    let inner = folder.file("cifar-10-batches-bin/")
    for batch in 1...5 {
      let rows = row([UInt8(batch)], seed: batch) + row([UInt8(batch + 4)], seed: batch + 10)
      try write(rows, to: inner + "data_batch_\(batch).bin")
    }
    let names = try CIFARBinary(.cifar10, directory: folder.path, split: .train).classNames
    #expect(names[0] == "airplane" && names[9] == "truck" && names.count == 10)
    let list = (0..<10).map { "thing \($0)\n" }.joined() + "\n"
    try write(Array(list.utf8), to: inner + "batches.meta.txt")

    let outer = try CIFARBinary(.cifar10, directory: folder.path, split: .train)
    let direct = try CIFARBinary(
      .cifar10, directory: folder.file("cifar-10-batches-bin"), split: .train)
    #expect(outer.fingerprint == direct.fingerprint)
    #expect(outer.name.hasPrefix("CIFAR-10, 10 training images in "))
    #expect(outer.classNames == (0..<10).map { "thing \($0)" })
    #expect((0..<10).map { outer.label(at: $0) } == [1, 5, 2, 6, 3, 7, 4, 8, 5, 9])
    let image = try pixels(outer, 3)
    let planes = Array(row([6], seed: 12).dropFirst())
    for (pixel, c) in [(0, 0), (0, 1), (1023, 2), (77, 1)] {
      #expect(image[pixel * 3 + c] == planes[c * 1024 + pixel])
    }
  }

  @Test("CIFAR-100 takes the fine label")
  func cifar100() throws {
    let folder = try TemporaryDirectory()
    try write(row([19, 99], seed: 1) + row([200, 0], seed: 2), to: folder.file("test.bin"))
    let source = try CIFARBinary(.cifar100, directory: folder.path, split: .test)
    #expect((0..<2).map { source.label(at: $0) } == [99, 0])
    #expect(source.classNames.count == 100 && source.classNames[7] == "class 7")
    #expect(try pixels(source, 1)[2] == row([200, 0], seed: 2)[2 + 2048])
  }

  @Test("part rows, empty files, foreign labels, wrong name lists and missing batches are refused")
  func wrong() throws {
    let folder = try TemporaryDirectory()
    let path = folder.file("test_batch.bin")
    func refuses(_ reason: String, split: DatasetSplit = .test) {
      let error = #expect(throws: DatasetError.self) {
        try CIFARBinary(.cifar10, directory: folder.path, split: split)
      }
      #expect("\(error!)".contains(reason))
    }
    refuses("Run: resnet-dist data fetch cifar10")
    try write(row([1], seed: 1) + [3], to: path)
    refuses("\(path) should hold 30730000 bytes and holds 3074: it is cut short")
    try write([], to: path)
    refuses("holds 0")
    try write(row([1], seed: 1) + row([10], seed: 1), to: path)
    refuses("image 1 has label 10, but there are 10 classes")
    try write(Array("one\ntwo\n".utf8), to: folder.file("batches.meta.txt"))
    refuses("it has 2 lines")
    try write(row([1], seed: 1), to: folder.file("data_batch_1.bin"))
    refuses("2 lines", split: .train)
    try write(Array(repeating: 10, count: 10), to: folder.file("batches.meta.txt"))
    refuses("0 lines", split: .train)
    let names = (0..<10).map { "\($0)\n" }.joined()
    try write(Array(names.utf8), to: folder.file("batches.meta.txt"))
    refuses("no data_batch_2.bin", split: .train)
  }

  private func row(_ labels: [UInt8], seed: Int) -> [UInt8] {
    var random = TestData(seed: UInt64(seed))
    return labels + (0..<3072).map { _ in UInt8(random.integer(in: 0...255)) }
  }
}
