/// Random erasing: a rectangle of a training image is set to the mean.

import Glibc
import Randomness
import Tensors

/// torchvision's `RandomErasing` with value 0 after the normalization (Zhong et al. 2017, arXiv
/// 1708.04896, algorithm 1).
public struct RandomErasing: Hashable, Sendable {
  /// The part of images that is changed.
  public var probability: Double
  /// The erased part of an image's area.
  public var area = 0.02...0.33
  /// Its height over its width.
  public var ratio = 0.3...3.3

  public init(probability: Double) { self.probability = probability }

  public static let none = RandomErasing(probability: 0)

  /// A rectangle to erase; nil: none.
  ///
  /// Keyed by (seed, epoch, sample index).
  package func draw(
    seed: UInt64, epoch: Int, index: Int, shape: ImageShape
  ) -> (rows: Range<Int>, columns: Range<Int>)? {
    if probability == 0 { return nil }
    var stream = CounterStream(seed: seed, purpose: .erasing, epoch: epoch, index: index)
    guard stream.nextUniform() < probability else { return nil }
    for _ in 0..<10 {
      let erased = Double(shape.area) * stream.next(in: area)
      let ratio = exp(stream.next(in: log(ratio.lowerBound)...log(ratio.upperBound)))
      let height = Int((erased * ratio).squareRoot().rounded(.toNearestOrEven))
      let width = Int((erased / ratio).squareRoot().rounded(.toNearestOrEven))
      guard height < shape.height, width < shape.width else { continue }
      let row = stream.next(below: shape.height - height + 1)
      let column = stream.next(below: shape.width - width + 1)
      return (row..<row + height, column..<column + width)
    }
    return nil
  }
}

extension CounterStream {
  /// A uniform number between two others.
  fileprivate mutating func next(in range: ClosedRange<Double>) -> Double {
    range.lowerBound + (range.upperBound - range.lowerBound) * nextUniform()
  }
}
