/// JPEG and PNG files sorted into one folder per class, as torchvision's `ImageFolder` takes them.

import Foundation
import Tensors

/// Images in `<directory>/<class>/**/*.{jpg,jpeg,png}`, or below `train/` and `test/`, or other names of
/// `SplitFolders`.
///
/// Classes and files come in torchvision's order. Files are opened when they are read; decoded images
/// of one size stay in memory if all of them fit.
public struct ImageFolder: ImageSource {
  public let name: String
  public let classNames: [String]
  public let imageShape: ImageShape?
  public let fingerprint: String
  public let ignoredFiles: Int
  private let root: String
  /// Paths below `root`, class after class.
  private let files: [String]
  /// In bytes.
  private let sizes: [Int]
  private let labels: [Int32]
  private let decoded: DecodedImages?
  private let decoding: ImageDecoding

  /// Images whose headers tell, when a folder is opened, whether all have one size.
  private static let sizeSamples = 64

  /// - Parameters:
  ///   - directory: if it has a folder for each split, these are taken; else it serves as every split
  ///     itself.
  ///   - cacheLimit: the most bytes of decoded images of one size to keep: all are kept, or none.
  ///   - decoding: how image files are decoded.
  /// - Throws: `DatasetError`; a damaged image only when it is read, unless all that are looked at for
  ///   their size are damaged.
  public init(
    directory: String, split: DatasetSplit, cacheLimit: Int = 512 << 20,
    decoding: ImageDecoding = ImageDecoding()
  ) throws {
    self.decoding = decoding
    guard isFolder(directory) else { throw DatasetError.noFolder(path: directory) }
    let root = try Self.root(of: directory, split: split)
    let classes = try ImageFiles.visibleNames(in: root).filter { isFolder(root + "/" + $0) }
    guard !classes.isEmpty else { throw DatasetError.noClasses(path: root) }
    try Self.check(classes, in: root, isSplit: root != directory)
    var (files, sizes, labels): ([String], [Int], [Int32]) = ([], [], [])
    var ignored = 0
    var fingerprint = Fingerprint()
    fingerprint.add("image folder")
    for (label, name) in classes.enumerated() {
      let listing = try ImageFiles.list(below: name, in: root)
      let found = listing.images
      ignored += listing.others
      guard !found.isEmpty else { throw DatasetError.emptyClass(path: root + "/" + name) }
      for file in found {
        files.append(file.path)
        sizes.append(file.size)
        labels.append(Int32(label))
        fingerprint.add(file.path)
        fingerprint.add(file.size)
      }
    }
    imageShape = try Self.commonShape(
      files.map { root + "/" + $0 }, upright: decoding.upright)
    (self.root, self.files, self.sizes, self.labels) = (root, files, sizes, labels)
    classNames = classes
    self.fingerprint = fingerprint.hexadecimal()
    ignoredFiles = ignored
    name =
      "image folder, \(split.describe(count: files.count)) in \(root)"
      + (ignored > 0 ? " (\(ignored.grouped) other files ignored)" : "")
    decoded = imageShape.flatMap { shape in
      files.count <= cacheLimit / shape.count
        ? DecodedImages(count: files.count, imageLength: shape.count) : nil
    }
  }

  /// The size of images taken evenly from the folder, where it is the same for all.
  private static func commonShape(_ paths: [String], upright: Bool) throws -> ImageShape? {
    var first: ImageShape?
    var failure: (any Error)?
    let samples = min(paths.count, sizeSamples)
    for sample in 0..<samples {
      let path = paths[sample * paths.count / samples]
      do {
        let shape = try ImageDecoder.shape(
          of: fileBytes(at: path), path: path, upright: upright)
        if let first, shape != first { return nil }
        first = shape
      } catch { failure = failure ?? error }
    }
    if first == nil, let failure { throw failure }
    return first
  }

  private static func root(of directory: String, split: DatasetSplit) throws -> String {
    func path(_ name: String) -> String { directory + "/" + name }
    guard let train = SplitFolders.name(of: .train, in: directory).map(path) else {
      return directory
    }
    if let test = SplitFolders.name(of: .test, in: directory).map(path) {
      return split == .train ? train : test
    }
    // A class may be called so, too; then there are images in it.
    let names = try ImageFiles.visibleNames(in: train)
    guard names.contains(where: { isFolder(train + "/" + $0) }),
      !names.contains(where: ImageFiles.isImage)
    else { return directory }
    if split == .train { return train }
    throw DatasetError.missing(
      dataset: "image folder", file: "test images",
      searched: SplitFolders.names(of: .test).map(path),
      remedy:
        "Put them there, give their folder with --val-data, or hold some of the training images "
        + "out by hand.")
  }

  /// Refuses the names of splits as classes, and a folder above the one with the splits.
  ///
  /// - Parameter isSplit: whether `root` is a split's folder.
  private static func check(_ classes: [String], in root: String, isSplit: Bool) throws {
    let below = root + "/" + classes[0]
    if classes.count == 1, let train = SplitFolders.name(of: .train, in: below) {
      throw DatasetError.splitsBelow(path: below, folder: train)
    }
    guard classes.allSatisfy(SplitFolders.isSplit) else { return }
    if isSplit, let train = SplitFolders.name(of: .train, in: root) {
      throw DatasetError.splitsBelow(path: root, folder: train)
    }
    throw DatasetError.splitsAsClasses(path: root, folders: classes)
  }

  public var count: Int { files.count }

  public func label(at index: Int) -> Int { Int(labels[index]) }

  public func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) throws {
    precondition((0..<count).contains(index))
    if let decoded, let imageShape {
      image.reshape(imageShape)
      if decoded.load(index, into: image.pixels) { return }
    }
    let path = imageName(at: index)
    // What is kept is kept in full size.
    try ImageDecoder.decode(
      fileBytes(at: path), path: path, into: &image, decoding,
      divisor: decoded == nil ? divisor : { _ in 1 })
    if image.shape == imageShape { decoded?.store(index, from: image.pixels) }
  }

  public func file(at index: Int) -> ImageFile? {
    ImageFile(name: files[index], path: imageName(at: index), range: 0..<sizes[index])
  }

  public func shortName(at index: Int) -> String { imageName(at: index) }

  public func imageName(at index: Int) -> String { root + "/" + files[index] }
}
