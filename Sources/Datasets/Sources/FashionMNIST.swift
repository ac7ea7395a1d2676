/// Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 60,000 + 10,000 grey images of clothes.

import Foundation
import Tensors

/// Fashion-MNIST in memory, as CIFAR-sized images: 28×28 with two rows and columns of zeros on every
/// side, the grey value in all three channels.
///
/// MNIST and its other relatives have the same files and load too, under Fashion-MNIST's names.
public struct FashionMNIST: ImageSource {
  public let name: String
  public let count: Int
  public let fingerprint: String
  public var imageShape: ImageShape? { Self.shape }
  public let classNames = [
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot",
  ]
  /// [N, 28, 28]
  private let grey: [UInt8]
  private let labels: [UInt8]

  /// Where the files are looked for when no directory is given: Debian's package, then what
  /// `resnet-dist data fetch` writes.
  public static let defaultDirectories = [
    "/usr/share/datasets/fashion-mnist", "data/fashion-mnist",
  ]
  private static let shape = ImageShape(height: 32, width: 32, channels: 3)
  private static let side = 28
  private static let border = 2

  /// - Parameter directory: holds `train-images-idx3-ubyte` and so on, plain or `.gz`.
  /// - Throws: `DatasetError`.
  public init(directory: String? = nil, split: DatasetSplit) throws {
    let prefix = split == .train ? "train" : "t10k"
    let searched = directory.map { [$0] } ?? Self.defaultDirectories
    let imagesName = "\(prefix)-images-idx3-ubyte"
    let found = searched.first { Self.path(of: imagesName, in: $0) != nil }
    func path(of file: String) throws -> String {
      let folders = found.map { [$0] } ?? searched
      guard let path = found.flatMap({ Self.path(of: file, in: $0) }) else {
        throw DatasetError.missing(
          dataset: "Fashion-MNIST", file: file + "[.gz]", searched: folders,
          remedy: "Install Debian's dataset-fashion-mnist or run: resnet-dist data fetch "
            + "fashion-mnist")
      }
      return path
    }
    let images = try IDXFile(
      path: path(of: imagesName), record: [Self.side, Self.side], content: "28×28 images")
    let labels = try IDXFile(
      path: path(of: "\(prefix)-labels-idx1-ubyte"), record: [], content: "labels")
    guard images.dimensions[0] == labels.dimensions[0] else {
      throw DatasetError.countsDiffer(
        images: images.path, imageCount: images.dimensions[0], labels: labels.path,
        labelCount: labels.dimensions[0])
    }
    for (index, label) in labels.bytes.enumerated() where label >= classNames.count {
      throw DatasetError.labelOutOfRange(
        path: labels.path, index: index, label: Int(label), classes: classNames.count)
    }
    (count, grey, self.labels) = (images.dimensions[0], images.bytes, labels.bytes)
    name = "Fashion-MNIST, \(split.describe(count: count)) in \(found ?? "")"
    var fingerprint = Fingerprint()
    fingerprint.add("Fashion-MNIST")
    fingerprint.add(grey)
    fingerprint.add(self.labels)
    self.fingerprint = fingerprint.hexadecimal()
  }

  private static func path(of file: String, in directory: String) -> String? {
    [directory + "/" + file, directory + "/" + file + ".gz"].first {
      FileManager.default.fileExists(atPath: $0)
    }
  }

  public func label(at index: Int) -> Int { Int(labels[index]) }

  public func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) {
    precondition((0..<count).contains(index))
    image.reshape(Self.shape)
    let pixels = image.pixels
    let (side, border) = (Self.side, Self.border)
    pixels.update(repeating: 0)
    grey.withUnsafeBufferPointer { grey in
      for h in 0..<side {
        for w in 0..<side {
          let value = grey[(index * side + h) * side + w]
          let pixel = ((h + border) * Self.shape.width + w + border) * 3
          for c in 0..<3 { pixels[pixel + c] = value }
        }
      }
    }
  }
}
