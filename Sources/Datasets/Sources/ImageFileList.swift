/// Image files without classes, as they are given on a command line.

import Foundation
import System
import Tensors

/// Files, and the JPEG and PNG files below folders, in the order in which they are given.
public struct ImageFileList: ImageSource {
  public let name: String
  public let classNames: [String]
  public let fingerprint: String
  private let files: [String]
  private let decoding: ImageDecoding

  /// - Parameters:
  ///   - paths: of files, read whatever their names are, and of folders.
  ///   - classNames: of the network that is to see them.
  ///   - decoding: how image files are decoded.
  /// - Throws: `DatasetError`; of an image itself only when it is read.
  public init(_ paths: [String], classNames: [String], decoding: ImageDecoding = ImageDecoding())
    throws
  {
    var files: [String] = []
    for path in paths {
      guard FileManager.default.fileExists(atPath: path) else {
        throw DatasetError.unreadable(path: path, reason: "there is no such file or folder")
      }
      guard isFolder(path) else {
        files.append(path)
        continue
      }
      let found = try ImageFiles.list(below: ".", in: path).images.map { file in
        path + "/" + file.path.dropFirst(2)
      }
      guard !found.isEmpty else {
        throw DatasetError.unreadable(path: path, reason: "the folder holds no JPEG or PNG image")
      }
      files += found
    }
    var fingerprint = Fingerprint()
    fingerprint.add("image files")
    for file in files {
      fingerprint.add(file)
      let attributes = try? FileManager.default.attributesOfItem(atPath: file)
      fingerprint.add((attributes?[.size] as? Int) ?? -1)
    }
    self.fingerprint = fingerprint.hexadecimal()
    self.files = files
    self.classNames = classNames
    self.decoding = decoding
    name = "\(files.count.grouped) image \(files.count == 1 ? "file" : "files")"
  }

  /// Files may have any size, so that what is done to one does not depend on the others.
  public var imageShape: ImageShape? { nil }

  public var count: Int { files.count }

  /// Nobody knows; the first class.
  public func label(at index: Int) -> Int { 0 }

  public func shortName(at index: Int) -> String { imageName(at: index) }

  public func imageName(at index: Int) -> String { files[index] }

  public func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) throws {
    let path = files[index]
    try ImageDecoder.decode(
      fileBytes(at: path), path: path, into: &image, decoding, divisor: divisor)
  }
}
