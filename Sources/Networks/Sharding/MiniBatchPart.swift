/// Parts of a mini-batch that are trained one after the other before one update.

/// Part `index` of `count` equal parts of neighbouring images.
public struct MiniBatchPart: Hashable, Sendable {
  public let index: Int
  public let count: Int

  public init(index: Int, of count: Int) {
    precondition(count >= 1 && (0..<count).contains(index), "no such part of a mini-batch")
    self.index = index
    self.count = count
  }

  /// A mini-batch in one part.
  public static let whole = MiniBatchPart(index: 0, of: 1)

  var isFirst: Bool { index == 0 }
  var isLast: Bool { index == count - 1 }
}
