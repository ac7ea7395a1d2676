/// What becomes of an image that cannot be read or decoded.

import Randomness

/// Whether a bad image ends the run.
public enum BadImagePolicy: String, CaseIterable, Sendable {
  /// It does, and the error names it.
  case fail
  /// Another image takes its place, and it is reported.
  case skip
}

/// An image whose place another one took.
public struct BadImage: Equatable, Sendable {
  /// Which image of the source it is.
  public let index: Int
  /// The error, which names the image.
  public let reason: String

  public init(index: Int, reason: String) { (self.index, self.reason) = (index, reason) }
}

/// Which images take a bad one's place: drawn from (seed, epoch, index of the bad one) alone, so it
/// is the same image on any number of ranks.
public struct Replacements: Sequence, IteratorProtocol {
  /// Draws before the run ends: a data set with that many bad images is not usable.
  private static let limit = 16

  private var stream: CounterStream
  private let count: Int
  private var left = Self.limit

  public init(of index: Int, seed: UInt64, epoch: Int, count: Int) {
    stream = CounterStream(seed: seed, purpose: .replacement, epoch: epoch, index: index)
    self.count = count
  }

  public mutating func next() -> Int? {
    guard left > 0 else { return nil }
    left -= 1
    return stream.next(below: count)
  }
}
