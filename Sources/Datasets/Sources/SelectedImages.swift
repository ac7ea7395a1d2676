/// Some images of another source, and how images are held out of training.

import Randomness
import Tensors

/// Images of another source, numbered from zero in the order that they have there.
public struct SelectedImages: ImageSource {
  public let name: String
  public let fingerprint: String
  private let base: any ImageSource
  private let indices: [Int]

  /// - Parameters:
  ///   - indices: of images of `base`, rising.
  ///   - what: what they are, for people.
  init(_ base: any ImageSource, indices: [Int], what: String) {
    (self.base, self.indices) = (base, indices)
    name = "\(indices.count.grouped) images \(what): \(base.name)"
    var fingerprint = Fingerprint()
    fingerprint.add("selected")
    fingerprint.add(base.fingerprint)
    for index in indices { fingerprint.add(index) }
    self.fingerprint = fingerprint.hexadecimal()
  }

  /// Divides images at random into those to train on and `count` to validate with.
  ///
  /// The division depends on the images' number alone, so that runs with other seeds share it.
  /// - Precondition: `count` is less than the images.
  public static func holdingOut(
    _ count: Int, of base: any ImageSource
  ) -> (train: SelectedImages, validation: SelectedImages) {
    precondition(count > 0 && count < base.count, "images are left to train on")
    var stream = CounterStream(seed: 0, purpose: .holdOut, index: 0)
    var order = Array(0..<base.count)
    for place in 0..<count {
      order.swapAt(place, place + stream.next(below: base.count - place))
    }
    return (
      SelectedImages(base, indices: order[count...].sorted(), what: "kept to train on"),
      SelectedImages(base, indices: order[..<count].sorted(), what: "held out to validate")
    )
  }

  public var count: Int { indices.count }
  public var classNames: [String] { base.classNames }
  public var imageShape: ImageShape? { base.imageShape }
  public var hasNumberedClasses: Bool { base.hasNumberedClasses }
  public var targetLayouts: [TargetLayout] { base.targetLayouts }

  public var storageRuns: [Range<Int>] {
    var first = 0
    let runs = base.storageRuns.map { run in
      var end = first
      while end < indices.count, run.contains(indices[end]) { end += 1 }
      defer { first = end }
      return first..<end
    }
    return runs.filter { !$0.isEmpty }
  }

  public func label(at index: Int) -> Int { base.label(at: indices[index]) }

  public func writeTarget(of index: Int, to target: inout TargetSpace) {
    base.writeTarget(of: indices[index], to: &target)
  }

  public func file(at index: Int) -> ImageFile? { base.file(at: indices[index]) }

  public func imageName(at index: Int) -> String { base.imageName(at: indices[index]) }

  public func shortName(at index: Int) -> String { base.shortName(at: indices[index]) }

  public func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) throws {
    try base.read(indices[index], into: &image, divisor: divisor)
  }
}
