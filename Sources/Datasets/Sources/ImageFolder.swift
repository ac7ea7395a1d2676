/// JPEG and PNG files sorted into one folder per class, as torchvision's `ImageFolder` takes them.

import Foundation
import Tensors

/// Images of one size in `<directory>/<class>/**/*.{jpg,jpeg,png}`, or below `train/` and `test/`
/// (or `val/`).
///
/// Classes and files come in torchvision's order. Files are opened when they are read; decoded images
/// stay in memory if all of them fit.
public struct ImageFolder: ImageSource {
  public let name: String
  public let classNames: [String]
  public let imageShape: ImageShape
  public let fingerprint: String
  private let root: String
  /// Paths below `root`, class after class.
  private let files: [String]
  private let labels: [Int32]
  private let decoded: DecodedImages?

  /// - Parameters:
  ///   - directory: if it has `train/` and `test/` or `val/`, these are the splits; else it serves
  ///     as every split itself.
  ///   - cacheLimit: the most bytes of decoded images to keep: all are kept, or none.
  /// - Throws: `DatasetError`; a damaged image or one of another size only when it is read, except
  ///   for the first, which defines the size.
  public init(directory: String, split: DatasetSplit, cacheLimit: Int = 512 << 20) throws {
    let root = Self.root(of: directory, split: split)
    guard isFolder(root) else {
      throw DatasetError.missing(
        dataset: "image folder", file: "class folders", searched: [root],
        remedy: "Give the folder that holds <class>/<image>.jpg, or train/ and test/ with such "
          + "class folders.")
    }
    let classes = try ImageFiles.visibleNames(in: root).filter { isFolder(root + "/" + $0) }
    guard !classes.isEmpty else { throw DatasetError.noClasses(path: root) }
    var (files, labels): ([String], [Int32]) = ([], [])
    var fingerprint = Fingerprint()
    fingerprint.add("image folder")
    for (label, name) in classes.enumerated() {
      let found = try ImageFiles.list(below: name, in: root)
      guard !found.isEmpty else { throw DatasetError.emptyClass(path: root + "/" + name) }
      for file in found {
        files.append(file.path)
        labels.append(Int32(label))
        fingerprint.add(file.path)
        fingerprint.add(file.size)
      }
    }
    let first = root + "/" + files[0]
    imageShape = try ImageDecoder.shape(of: fileBytes(at: first), path: first)
    (self.root, self.files, self.labels, classNames) = (root, files, labels, classes)
    self.fingerprint = fingerprint.hexadecimal()
    name = "image folder, \(split.describe(count: files.count)) in \(root)"
    decoded =
      files.count <= cacheLimit / imageShape.count
      ? DecodedImages(count: files.count, imageLength: imageShape.count) : nil
  }

  private static func root(of directory: String, split: DatasetSplit) -> String {
    let train = directory + "/train"
    let tests = ["test", "val"].map { directory + "/" + $0 }.filter { isFolder($0) }
    guard isFolder(train), let test = tests.first else { return directory }
    return split == .train ? train : test
  }

  public var count: Int { files.count }

  public func label(at index: Int) -> Int { Int(labels[index]) }

  public func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws {
    precondition((0..<count).contains(index) && pixels.count == imageShape.count)
    if let decoded, decoded.load(index, into: pixels) { return }
    let path = root + "/" + files[index]
    try ImageDecoder.decode(fileBytes(at: path), path: path, shape: imageShape, into: pixels)
    decoded?.store(index, from: pixels)
  }
}
