/// Fashion-MNIST: the real files where they are installed, and small ones made wrong.

import Datasets
import Foundation
import TestSupport
import Testing

private let installed = FileManager.default.fileExists(
  atPath: FashionMNIST.defaultDirectories[0] + "/train-images-idx3-ubyte.gz")

@Suite struct FashionMNISTTests {
  /// Counts, labels and sums by NumPy: Oracles/datasets/make_fixtures.py --sums.
  @Test(
    "the installed files have the published images", .enabled(if: installed),
    arguments: [
      (DatasetSplit.train, 60_000, [9, 0, 0, 3, 0, 2, 7, 2, 5, 5], 3_431_114_169),
      (.test, 10_000, [9, 2, 1, 1, 6, 1, 4, 6, 5, 7], 573_469_082),
    ])
  func real(split: DatasetSplit, count: Int, labels: [Int], sum: Int) throws {
    let source = try FashionMNIST(split: split)
    #expect(source.count == count)
    #expect((0..<10).map { source.label(at: $0) } == labels)
    #expect(source.classNames.count == 10 && source.classNames[9] == "Ankle boot")
    #expect(
      source.name.hasPrefix(
        "Fashion-MNIST, \(split == .train ? "60,000 training" : "10,000 test") images in "))
    #expect(source.fingerprint.count == 64)
    let shape = source.imageShape!
    var total = 0
    var border = 0
    var buffer = ImageBuffer()
    for index in 0..<count {
      try source.read(index, into: &buffer)
      let image = buffer.pixels.elements
      total += image.reduce(0) { $0 + Int($1) }
      for h in 0..<shape.height {
        for w in 0..<shape.width where h < 2 || w < 2 || h >= 30 || w >= 30 {
          border += Int(image[(h * shape.width + w) * 3])
        }
      }
    }
    #expect(total == 3 * sum)
    #expect(border == 0)
  }

  @Test("plain and compressed files give the same images, each in its place")
  func small() throws {
    let folder = try TemporaryDirectory()
    let grey = (0..<3 * 784).map { UInt8(truncatingIfNeeded: $0 * 7) }
    try writeIDX(folder, images: idx([3, 28, 28], grey), labels: idx([3], [2, 9, 0]))
    let plain = try FashionMNIST(directory: folder.path, split: .train)
    #expect((0..<3).map { plain.label(at: $0) } == [2, 9, 0])
    let image = try pixels(plain, 1)
    for (h, w) in [(0, 0), (27, 27), (5, 20)] {
      let pixel = ((h + 2) * 32 + w + 2) * 3
      let value = grey[784 + h * 28 + w]
      #expect(Array(image[pixel..<pixel + 3]) == [value, value, value])
    }
    try compress(folder.file("train-images-idx3-ubyte"))
    let compressed = try FashionMNIST(directory: folder.path, split: .train)
    #expect(compressed.fingerprint == plain.fingerprint)
    #expect(try pixels(compressed, 2) == pixels(plain, 2))
  }

  @Test("missing files are an error with the remedy")
  func missing() throws {
    let folder = try TemporaryDirectory()
    let error = #expect(throws: DatasetError.self) {
      try FashionMNIST(directory: folder.path, split: .test)
    }
    #expect(
      "\(error!)" == "Fashion-MNIST: no t10k-images-idx3-ubyte[.gz] in \(folder.path). Install "
        + "Debian's dataset-fashion-mnist or run: resnet-dist data fetch fashion-mnist")
  }

  @Test("a wrong magic number, size or count is refused")
  func wrong() throws {
    let image = [UInt8](repeating: 1, count: 784)
    let good = idx([1, 28, 28], image)
    func refuses(_ images: [UInt8], _ labels: [UInt8], _ reason: String) throws {
      let folder = try TemporaryDirectory()
      try writeIDX(folder, images: images, labels: labels)
      let error = #expect(throws: DatasetError.self) {
        try FashionMNIST(directory: folder.path, split: .train)
      }
      #expect("\(error!)".contains(reason))
    }
    try refuses(idx([1], [0]), idx([1], [0]), "(magic number 2051): it holds only 9 bytes")
    try refuses(idx([1], image), idx([1], [0]), "its magic number is 2049")
    try refuses(good, good, "its magic number is 2051")
    try refuses(idx([1, 784, 1], image), idx([1], [0]), "784×1")
    try refuses(idx([0, 28, 28], []), idx([0], []), "claims 0")
    try refuses(idx([0xFFFF_FFFF, 28, 28], image), idx([1], [0]), "claims 4294967295")
    try refuses(idx([900_000, 28, 28], image), idx([1], [0]), "cut short")
    try refuses(good.dropLast(), idx([1], [0]), "holds 799: it is cut short")
    try refuses(good + [0], idx([1], [0]), "should hold 800 bytes and holds 801")
    try refuses(good, idx([2], [0, 0]), "holds 1 images but")
    try refuses(good, idx([1], [10]), "image 0 has label 10, but there are 10 classes")
  }

  @Test("compressed data that is cut short or damaged is refused")
  func truncatedGzip() throws {
    let folder = try TemporaryDirectory()
    var random = TestData(seed: 1)
    let noise = (0..<20 * 784).map { _ in UInt8(random.integer(in: 0...255)) }
    try writeIDX(
      folder, images: idx([20, 28, 28], noise), labels: idx([20], Array(repeating: 0, count: 20)))
    let path = folder.file("train-images-idx3-ubyte")
    try compress(path)
    let whole = [UInt8](try Data(contentsOf: URL(filePath: path + ".gz")))
    for length in [12, 1000, whole.count - 9] {
      try write(Array(whole[..<length]), to: path + ".gz")
      let error = #expect(throws: DatasetError.self) {
        try FashionMNIST(directory: folder.path, split: .train)
      }
      #expect("\(error!)".contains("cut short"))
    }
    var damaged = whole
    damaged[whole.count / 2] ^= 0x55
    try write(damaged, to: path + ".gz")
    #expect(throws: DatasetError.self) {
      try FashionMNIST(directory: folder.path, split: .train)
    }
  }

  private func idx(_ dimensions: [Int], _ bytes: [UInt8]) -> [UInt8] {
    let fields = [0x0800 + dimensions.count] + dimensions
    return fields.flatMap { field in
      stride(from: 24, through: 0, by: -8).map { UInt8(field >> $0 & 0xFF) }
    } + bytes
  }

  private func writeIDX(_ folder: TemporaryDirectory, images: [UInt8], labels: [UInt8]) throws {
    try write(images, to: folder.file("train-images-idx3-ubyte"))
    try write(labels, to: folder.file("train-labels-idx1-ubyte"))
  }

  private func compress(_ path: String) throws {
    #expect(try ProcessRunner.run("gzip", [path]).exitCode == 0)
  }
}
