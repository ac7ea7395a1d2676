/// A set of labelled images, whatever files it comes from.

import Tensors

/// The two halves of a data set.
public enum DatasetSplit: String, Sendable {
  case train
  case test
}

/// Labelled images of one shape, read one at a time by index, from any thread.
public protocol ImageSource: Sendable {
  /// What it is and where from, for people: `Fashion-MNIST, 60,000 training images in …`.
  var name: String { get }
  /// Images.
  var count: Int { get }
  /// Names of the classes, in the order of their labels.
  var classNames: [String] { get }
  /// Height, width and three channels: red, green, blue.
  var imageShape: ImageShape { get }
  /// A SHA-256, in hexadecimal, of what identifies the images: ranks compare it, and a resumed run
  /// checks it. Cheap.
  var fingerprint: String { get }
  /// The class of an image, in 0..<classNames.count.
  func label(at index: Int) -> Int
  /// Reads one image's bytes.
  ///
  /// - Parameter pixels: [H, W, C], `imageShape.count` bytes; overwritten.
  /// - Throws: `DatasetError` when a file cannot be read or decoded.
  func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws
}

extension ImageSource {
  public var classCount: Int { classNames.count }
}
