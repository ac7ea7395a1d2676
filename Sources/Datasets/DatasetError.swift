/// What can be wrong with a data set, said once, as the user reads it.

import Tensors

/// Why images cannot be used.
public enum DatasetError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Nothing at the place where the files should be; `remedy` says how to get them.
  case missing(dataset: String, file: String, searched: [String], remedy: String)
  case unreadable(path: String, reason: String)
  /// The file is too short or too long.
  case wrongLength(path: String, expected: Int, found: Int)
  /// Not a file of this kind.
  case wrongFormat(path: String, expected: String, found: String)
  case labelOutOfRange(path: String, index: Int, label: Int, classes: Int)
  case countsDiffer(images: String, imageCount: Int, labels: String, labelCount: Int)
  case noFolder(path: String)
  /// Neither images nor another data set's files.
  case unknownData(path: String)
  case noClasses(path: String)
  /// The folder with the splits is not the given one, but `path`.
  case splitsBelow(path: String, folder: String)
  /// All class folders have names of splits.
  case splitsAsClasses(path: String, folders: [String])
  case emptyClass(path: String)
  case undecodable(path: String, reason: String)
  /// The bytes of a file's or folder's name are not text.
  case undecodableName(folder: String, name: String)
  /// More pixels than are decoded.
  case oversized(path: String, shape: ImageShape, maximum: Int)
  /// A tar file holds images without classes.
  case unlabelled(archive: String, member: String)
  /// Tar files without images.
  case noImages(path: String)
  /// A class that the training images do not have.
  case unknownClass(name: String, path: String)
  case wrongSize(path: String, found: ImageShape, expected: ImageShape)

  public var description: String {
    switch self {
    case .missing(let dataset, let file, let searched, let remedy):
      "\(dataset): no \(file) in \(searched.joined(separator: " or ")). \(remedy)"
    case .unreadable(let path, let reason): "cannot read \(path): \(reason)"
    case .wrongLength(let path, let expected, let found):
      "\(path) should hold \(expected) bytes and holds \(found)"
        + (found < expected ? ": it is cut short, fetch or copy it again" : "")
    case .wrongFormat(let path, let expected, let found):
      "\(path) is not \(expected): \(found)"
    case .labelOutOfRange(let path, let index, let label, let classes):
      "\(path): image \(index) has label \(label), but there are \(classes) classes"
    case .countsDiffer(let images, let imageCount, let labels, let labelCount):
      "\(images) holds \(imageCount) images but \(labels) holds \(labelCount) labels"
    case .noFolder(let path): "there is no folder \(path)"
    case .unknownData(let path):
      "no images or data set that is known here in \(path): known are "
        + "<class>/<image>.jpg or .png, the same below train/ and test/, tar files, and the files "
        + "of CIFAR-10, CIFAR-100 (binary) and Fashion-MNIST"
    case .noClasses(let path): "\(path) has no class folders: \(Self.imageFolder)"
    case .splitsBelow(let path, let folder):
      "\(path) holds \(folder)/: give --data-dir \(path)"
    case .splitsAsClasses(let path, let folders):
      "the only folders in \(path) are named as splits, not as classes: "
        + "\(folders.joined(separator: ", ")); \(Self.imageFolder)"
    case .emptyClass(let path):
      "the class folder \(path) holds no JPEG or PNG image: add images or remove the folder"
    case .undecodableName(let folder, let name):
      "the name \(name) in \(folder) is not UTF-8: rename it"
    case .oversized(let path, let shape, let maximum):
      "\(path) has \(shape.height.grouped)×\(shape.width.grouped) pixels, more than the "
        + "\(maximum.grouped) of --max-image-pixels: make it smaller, or raise that where there is memory "
        + "for it, 3 bytes a pixel and worker"
    case .unlabelled(let archive, let member):
      "\(archive) holds no class for its image '\(member)': put a .cls with the class's number beside "
        + "each image, or put the images into a folder for each class"
    case .noImages(let path): "\(path): no JPEG or PNG image in these tar files"
    case .unknownClass(let name, let path):
      "\(path) holds images of the class '\(name)', which the training images do not have"
    case .undecodable(let path, let reason): "cannot decode \(path): \(reason)"
    case .wrongSize(let path, let found, let expected):
      "\(path) is \(found.height)×\(found.width) pixels, the others are "
        + "\(expected.height)×\(expected.width): give --image-size to have images of all sizes resized"
    }
  }

  private static let imageFolder =
    "an image folder holds <class>/<image>.jpg, or train/<class>/… and test/<class>/…"
}
