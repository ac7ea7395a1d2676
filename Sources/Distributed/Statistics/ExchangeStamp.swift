/// What tells numbers of one exchange of statistics from those of another.

import Tensors

/// Where a sender of statistics is in the run, and how many numbers each of its pieces has.
struct ExchangeStamp: Equatable, CustomStringConvertible {
  /// Words of a message that a stamp takes.
  static let count = 2

  /// A `ProgressPage.Position`.
  let position: UInt64
  let width: Int

  init(position: UInt64, width: Int) { (self.position, self.width) = (position, width) }

  init(_ words: MutableVectorView<UInt64>) {
    self.init(position: words[0], width: Int(truncatingIfNeeded: words[1]))
  }

  /// A stamp in a message of `Double`, whose bits are the words.
  init(_ message: MutableVectorView<Double>) {
    self.init(
      position: message[0].bitPattern, width: Int(truncatingIfNeeded: message[1].bitPattern))
  }

  func write(to words: MutableVectorView<UInt64>) {
    words[0] = position
    words[1] = UInt64(width)
  }

  func write(to message: MutableVectorView<Double>) {
    message[0] = Double(bitPattern: position)
    message[1] = Double(bitPattern: UInt64(width))
  }

  var description: String { "\(ProgressPage.Position(word: position)) with \(width) numbers" }

  /// - Throws: `RanksOutOfStep` where another rank's stamp is not this one.
  func check(_ other: ExchangeStamp, ofRank otherRank: Int, rank: Int) throws {
    if other == self { return }
    throw RanksOutOfStep(
      rank: rank, own: description, otherRank: otherRank, other: other.description)
  }
}
