/// Some consecutive images of another source.

import Tensors

/// A range of another source's images, numbered from zero.
public struct Subset: ImageSource {
  public let name: String
  public let fingerprint: String
  private let base: any ImageSource
  private let indices: Range<Int>

  /// - Precondition: `indices` are indices of `base`.
  public init(_ base: any ImageSource, indices: Range<Int>) {
    precondition(indices.lowerBound >= 0 && indices.upperBound <= base.count)
    (self.base, self.indices) = (base, indices)
    name =
      "images \(indices.lowerBound.grouped)..<\(indices.upperBound.grouped) of: \(base.name)"
    var fingerprint = Fingerprint()
    fingerprint.add("subset")
    fingerprint.add(base.fingerprint)
    fingerprint.add(indices.lowerBound)
    fingerprint.add(indices.upperBound)
    self.fingerprint = fingerprint.hexadecimal()
  }

  public var count: Int { indices.count }
  public var classNames: [String] { base.classNames }
  public var imageShape: ImageShape { base.imageShape }

  public func label(at index: Int) -> Int {
    precondition((0..<count).contains(index))
    return base.label(at: indices.lowerBound + index)
  }

  public func read(_ index: Int, into pixels: UnsafeMutableBufferPointer<UInt8>) throws {
    precondition((0..<count).contains(index))
    try base.read(indices.lowerBound + index, into: pixels)
  }
}
