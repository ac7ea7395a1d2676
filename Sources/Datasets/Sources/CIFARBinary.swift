/// CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in the binary version of their home page.

import Foundation
import Tensors

/// CIFAR in memory, read from the files of `cifar-10-binary.tar.gz` or `cifar-100-binary.tar.gz`.
public struct CIFARBinary: ImageSource {
  /// Which of the two.
  public enum Variant: Sendable {
    case cifar10
    /// With its 100 fine classes.
    case cifar100
  }

  public let name: String
  public let count: Int
  public let classNames: [String]
  public let fingerprint: String
  public var imageShape: ImageShape? { Self.shape }
  private let variant: Variant
  /// Rows as in the files: label bytes, then the planes red, green and blue.
  private let rows: [UInt8]

  private static let shape = ImageShape(height: 32, width: 32, channels: 3)

  /// - Parameter directory: holds the files, or the folder that the archive unpacks to; if not
  ///   given, where `resnet-dist data fetch` puts them.
  /// - Throws: `DatasetError`.
  public init(_ variant: Variant, directory: String? = nil, split: DatasetSplit) throws {
    let parent = directory ?? "data/\(variant.key)"
    let folders = [parent, parent + "/" + variant.folder]
    let files = variant.files(split)
    let folder = folders.first { FileManager.default.fileExists(atPath: $0 + "/" + files[0]) }
    let classNames = try folder.map { try variant.classNames(in: $0) } ?? []
    var rows: [UInt8] = []
    for file in files {
      let path = (folder ?? parent) + "/" + file
      guard folder != nil, FileManager.default.fileExists(atPath: path) else {
        throw DatasetError.missing(
          dataset: variant.title, file: file, searched: folder.map { [$0] } ?? folders,
          remedy: "Run: resnet-dist data fetch \(variant.key)")
      }
      let bytes = try fileBytes(at: path)
      try variant.check(bytes, path: path, split: split, classes: classNames.count)
      if rows.isEmpty { rows.reserveCapacity(bytes.count * files.count) }
      rows += bytes
    }
    self.variant = variant
    self.classNames = classNames
    self.rows = rows
    count = rows.count / variant.rowLength
    name = "\(variant.title), \(split.describe(count: count)) in \(folder ?? "")"
    var fingerprint = Fingerprint()
    fingerprint.add(variant.title)
    fingerprint.add(rows)
    self.fingerprint = fingerprint.hexadecimal()
  }

  public func label(at index: Int) -> Int {
    precondition((0..<count).contains(index))
    return Int(rows[index * variant.rowLength + variant.labelBytes - 1])
  }

  public func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) {
    precondition((0..<count).contains(index))
    image.reshape(Self.shape)
    let pixels = image.pixels
    let area = Self.shape.area
    let start = index * variant.rowLength + variant.labelBytes
    rows.withUnsafeBufferPointer { rows in
      for pixel in 0..<area {
        for c in 0..<3 { pixels[pixel * 3 + c] = rows[start + c * area + pixel] }
      }
    }
  }
}

extension CIFARBinary.Variant {
  fileprivate var title: String { self == .cifar10 ? "CIFAR-10" : "CIFAR-100" }
  fileprivate var key: String { self == .cifar10 ? "cifar10" : "cifar100" }
  fileprivate var folder: String {
    self == .cifar10 ? "cifar-10-batches-bin" : "cifar-100-binary"
  }
  /// CIFAR-100 has the coarse label before the fine one.
  fileprivate var labelBytes: Int { self == .cifar10 ? 1 : 2 }
  fileprivate var rowLength: Int { labelBytes + 3 * 32 * 32 }

  fileprivate func files(_ split: DatasetSplit) -> [String] {
    switch (self, split) {
    case (.cifar10, .train): (1...5).map { "data_batch_\($0).bin" }
    case (.cifar10, .test): ["test_batch.bin"]
    case (.cifar100, .train): ["train.bin"]
    case (.cifar100, .test): ["test.bin"]
    }
  }

  /// Any number of whole rows will do; a file with part of one was to have its published length.
  fileprivate func check(
    _ bytes: [UInt8], path: String, split: DatasetSplit, classes: Int
  ) throws {
    guard !bytes.isEmpty, bytes.count.isMultiple(of: rowLength) else {
      let published = (self == .cifar100 && split == .train ? 50_000 : 10_000) * rowLength
      let wholeRows = (bytes.count / rowLength + 1) * rowLength
      throw DatasetError.wrongLength(
        path: path, expected: max(published, wholeRows), found: bytes.count)
    }
    for index in 0..<bytes.count / rowLength {
      let label = Int(bytes[index * rowLength + labelBytes - 1])
      guard label < classes else {
        throw DatasetError.labelOutOfRange(
          path: path, index: index, label: label, classes: classes)
      }
    }
  }

  /// The names in the archive's text file, if it is there.
  fileprivate func classNames(in folder: String) throws -> [String] {
    let count = self == .cifar10 ? 10 : 100
    let path = folder + (self == .cifar10 ? "/batches.meta.txt" : "/fine_label_names.txt")
    guard FileManager.default.fileExists(atPath: path) else {
      return self == .cifar10
        ? [
          "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
        ] : (0..<count).map { "class \($0)" }
    }
    let text = String(decoding: try fileBytes(at: path, limit: 1 << 16), as: UTF8.self)
    let names = text.split(whereSeparator: \.isNewline)
      .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    guard names.count == count else {
      throw DatasetError.wrongFormat(
        path: path, expected: "a list of \(count) class names", found: "it has \(names.count) lines"
      )
    }
    return names
  }
}
