/// ILSVRC2012's validation images as they are distributed: one flat folder, labels in the devkit.

import Foundation
import Tensors

/// `ILSVRC2012_val_00000001.JPEG`, … with the classes of `ILSVRC2012_devkit_t12`.
///
/// Classes are sorted by their WordNet ids, so they are those of the training images' folders.
public struct ILSVRCValidation: ImageSource {
  public let name: String
  public let classNames: [String]
  public let imageShape: ImageShape? = nil
  public let fingerprint: String
  private let folder: String
  private let files: [String]
  private let labels: [Int32]
  private let decoding: ImageDecoding

  private static let prefix = "ILSVRC2012_val_"

  /// The flat folder of validation images that `directory` is, or has as `val/`; nil if there is none.
  public static func folder(in directory: String) -> String? {
    [directory + "/val", directory].first { folder in
      guard isFolder(folder), let names = try? ImageFiles.visibleNames(in: folder) else {
        return false
      }
      return names.contains { $0.hasPrefix(prefix) }
    }
  }

  /// - Parameters:
  ///   - folder: the flat folder.
  ///   - devkit: the devkit's folder; nil: in this folder, beside it or above it.
  ///   - decoding: how image files are decoded.
  /// - Throws: `DatasetError`.
  public init(folder: String, devkit: String? = nil, decoding: ImageDecoding = ImageDecoding())
    throws
  {
    self.decoding = decoding
    guard let devkit = devkit ?? ILSVRCDevkit.folder(near: folder) else {
      throw DatasetError.missing(
        dataset: "ILSVRC2012's validation images", file: "ILSVRC2012_devkit_t12/data/meta.mat",
        searched: [folder, folder + "/..", folder + "/../.."],
        remedy: "Unpack ILSVRC2012_devkit_t12.tar.gz beside the images: it holds their labels. Or "
          + "sort the images into a folder for each class.")
    }
    let ids = try ILSVRCDevkit(folder: devkit)
    let classNames = Set(ids.classes).sorted()
    let numbers = Dictionary(uniqueKeysWithValues: classNames.enumerated().map { ($1, Int32($0)) })
    var (files, labels): ([String], [Int32]) = ([], [])
    var fingerprint = Fingerprint()
    fingerprint.add("ILSVRC2012 validation")
    for file in try ImageFiles.visibleNames(in: folder) where file.hasPrefix(Self.prefix) {
      let digits = file.dropFirst(Self.prefix.count).prefix { $0 != "." }
      guard let number = Int(digits), (1...ids.validation.count).contains(number) else {
        throw DatasetError.wrongFormat(
          path: folder + "/" + file,
          expected: "one of the \(ids.validation.count) images that \(devkit) has labels for",
          found: "its number is '\(digits)'")
      }
      files.append(file)
      labels.append(numbers[ids.validation[number - 1]]!)
      fingerprint.add(file)
      fingerprint.add(Int(labels.last!))
    }
    (self.folder, self.files, self.labels) = (folder, files, labels)
    self.classNames = classNames
    self.fingerprint = fingerprint.hexadecimal()
    name =
      "ILSVRC2012, \(DatasetSplit.test.describe(count: files.count)) in \(folder), labels of \(devkit)"
  }

  public var count: Int { files.count }

  public func label(at index: Int) -> Int { Int(labels[index]) }

  public func shortName(at index: Int) -> String { imageName(at: index) }

  public func imageName(at index: Int) -> String { folder + "/" + files[index] }

  public func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) throws {
    let path = imageName(at: index)
    try ImageDecoder.decode(
      fileBytes(at: path), path: path, into: &image, decoding, divisor: divisor)
  }
}
