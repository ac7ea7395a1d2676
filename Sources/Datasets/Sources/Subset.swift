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
  public var imageShape: ImageShape? { base.imageShape }

  public var hasNumberedClasses: Bool { base.hasNumberedClasses }

  public var storageRuns: [Range<Int>] {
    let runs = base.storageRuns.map { $0.clamped(to: indices) }.filter { !$0.isEmpty }
      .map { $0.lowerBound - indices.lowerBound..<$0.upperBound - indices.lowerBound }
    return runs.isEmpty ? [0..<0] : runs
  }

  public func label(at index: Int) -> Int {
    precondition((0..<count).contains(index))
    return base.label(at: indices.lowerBound + index)
  }

  public var targetLayouts: [TargetLayout] { base.targetLayouts }

  public func writeTarget(of index: Int, to target: inout TargetSpace) {
    precondition((0..<count).contains(index))
    base.writeTarget(of: indices.lowerBound + index, to: &target)
  }

  public func file(at index: Int) -> ImageFile? { base.file(at: indices.lowerBound + index) }

  public func imageName(at index: Int) -> String {
    base.imageName(at: indices.lowerBound + index)
  }

  public func shortName(at index: Int) -> String {
    base.shortName(at: indices.lowerBound + index)
  }

  public func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) throws {
    precondition((0..<count).contains(index))
    try base.read(indices.lowerBound + index, into: &image, divisor: divisor)
  }
}
