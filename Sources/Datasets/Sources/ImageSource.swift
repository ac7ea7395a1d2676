/// A set of labelled images, whatever files it comes from.

import Tensors

/// The two halves of a data set.
public enum DatasetSplit: String, Sendable {
  case train
  case test
}

/// Labelled images, of one shape or of many, read one at a time by index, from any thread.
public protocol ImageSource: Sendable {
  /// What it is and where from, for people: `Fashion-MNIST, 60,000 training images in …`.
  var name: String { get }
  /// Images.
  var count: Int { get }
  /// Names of the classes, in the order of their labels.
  var classNames: [String] { get }
  /// The height, width and three channels (red, green, blue) that all images have, as far as is known
  /// before they are read; nil where images differ in size.
  var imageShape: ImageShape? { get }
  /// A SHA-256, in hexadecimal, of what identifies the images: ranks compare it, and a resumed run
  /// checks it. Cheap.
  var fingerprint: String { get }
  /// An image's file, whose contents are compared beside `fingerprint`; nil where that is over all bytes or does alone.
  func file(at index: Int) -> ImageFile?
  /// The images' indices by the files that hold them one after the other, which are best read from
  /// front to back; one run where images can be read in any order.
  var storageRuns: [Range<Int>] { get }
  /// Whether classes have numbers only, so that some may have no image here.
  var hasNumberedClasses: Bool { get }
  /// Files beside the images that are not taken for images.
  var ignoredFiles: Int { get }
  /// The class of an image, in 0..<classNames.count.
  func label(at index: Int) -> Int
  /// What each image can be compared with in training; by default its label alone.
  var targetLayouts: [TargetLayout] { get }
  /// Writes a target of an image.
  ///
  /// - Parameter target: of one of `targetLayouts`.
  func writeTarget(of index: Int, to target: inout TargetSpace)
  /// What to call an image in a message: its file, if it has one of its own.
  func imageName(at index: Int) -> String
  /// What to call an image beside others of the source: its file, or its number where it has none.
  func shortName(at index: Int) -> String
  /// Reads one image's bytes.
  ///
  /// - Parameters:
  ///   - image: takes the image's shape; overwritten.
  ///   - divisor: asked at most once, with the image's size, by formats that decode to a half, a fourth
  ///     or an eighth of the size in less time: the divisor that will do.
  /// - Throws: `DatasetError` when a file cannot be read or decoded.
  func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) throws
}

extension ImageSource {
  public var classCount: Int { classNames.count }

  public func file(at index: Int) -> ImageFile? { nil }

  public var storageRuns: [Range<Int>] { [0..<count] }

  public var hasNumberedClasses: Bool { false }

  public var ignoredFiles: Int { 0 }

  public var targetLayouts: [TargetLayout] { [.label] }

  public func writeTarget(of index: Int, to target: inout TargetSpace) {
    target.write(label: label(at: index))
  }

  public func imageName(at index: Int) -> String { "image \(index) of \(name)" }

  public func shortName(at index: Int) -> String { "\(index)" }

  /// Reads one image in full size.
  public func read(_ index: Int, into image: inout ImageBuffer) throws {
    try read(index, into: &image) { _ in 1 }
  }
}

/// A network is trained with targets that the images do not have.
public struct MissingTarget: Error, Equatable, CustomStringConvertible {
  public let source: String
  public let missing: TargetLayout
  public let known: [TargetLayout]

  public var description: String {
    func text(_ layout: TargetLayout) -> String {
      "'\(layout.name)' (\(layout.count) \(layout.element))"
    }
    return "the network is trained with \(text(missing)), but \(source) has "
      + known.map(text).joined(separator: " and ") + ": use images with these targets"
  }
}
