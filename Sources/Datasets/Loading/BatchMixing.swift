/// Mixup and CutMix: each image of a mini-batch mixed with the one before it, and so its target.

import Randomness
import Tensors

/// How a mini-batch's images are mixed, as torchvision's `MixUp` and `CutMix` do it on a batch.
///
/// One draw decides for a whole mini-batch, or for each of its groups where it has some, as torchvision draws
/// on each GPU. It is keyed by the group's number in the run; the images' neighbours are the same on any
/// number of ranks, and of micro-batches.
public struct BatchMixing: Hashable, Sendable {
  /// α of mixup's Beta(α, α) (Zhang et al. 2018, arXiv 1710.09412, §2); 0: no mixup.
  public var mixupAlpha: Double
  /// α of CutMix's Beta(α, α) (Yun et al. 2019, arXiv 1905.04899, §3.1); 0: no CutMix.
  public var cutMixAlpha: Double
  /// The part of mini-batches that is mixed.
  public var probability: Double
  /// The part of targets that is spread evenly over the classes.
  public var labelSmoothing: Double
  /// Images of a group, which are mixed among themselves; a part of the mini-batch without rest. Nil: the
  /// whole mini-batch.
  public var groupSize: Int?

  public init(
    mixupAlpha: Double, cutMixAlpha: Double, probability: Double = 1, labelSmoothing: Double = 0
  ) {
    self.mixupAlpha = mixupAlpha
    self.cutMixAlpha = cutMixAlpha
    self.probability = probability
    self.labelSmoothing = labelSmoothing
  }

  /// In a few words.
  public var summary: String {
    let kinds = [("mixup", mixupAlpha), ("CutMix", cutMixAlpha)].filter { $0.1 > 0 }
    return kinds.map { "\($0.0) with α \($0.1)" }.joined(separator: " or ")
      + (probability < 1 ? " in \(probability) of the mini-batches" : "")
  }

  /// What happens to one group.
  package enum Draw: Equatable, Sendable {
    /// Nothing.
    case alone
    /// x = weight · x + (1 − weight) · the image before.
    case mixup(weight: Double)
    /// Rows and columns come from the image before; `weight` is the area that stays.
    case cutMix(rows: Range<Int>, columns: Range<Int>, weight: Double)

    /// The part of an image's own label in its target.
    package var weight: Double {
      switch self {
      case .alone: 1
      case .mixup(let weight), .cutMix(_, _, let weight): weight
      }
    }
  }

  /// - Parameter group: its number in the run.
  package func draw(seed: UInt64, group: Int, shape: ImageShape) -> Draw {
    var stream = CounterStream(seed: seed, purpose: .mixing, index: group)
    guard stream.nextUniform() < probability else { return .alone }
    let isCutMix =
      switch (mixupAlpha > 0, cutMixAlpha > 0) {
      case (true, true): stream.next(below: 2) == 1
      case (false, let isCutMix): isCutMix
      case (true, false): false
      }
    guard isCutMix else {
      return mixupAlpha > 0 ? .mixup(weight: stream.nextBeta(shape: mixupAlpha)) : .alone
    }
    return .cutMix(
      weight: stream.nextBeta(shape: cutMixAlpha), row: stream.next(below: shape.height),
      column: stream.next(below: shape.width), shape: shape)
  }
}

extension BatchMixing.Draw {
  /// CutMix with a box around a pixel, as large as `weight` asks for where it lies inside the image.
  package static func cutMix(weight: Double, row: Int, column: Int, shape: ImageShape) -> Self {
    let half = 0.5 * (1 - weight).squareRoot()
    func range(around center: Int, of length: Int) -> Range<Int> {
      let reach = Int(half * Double(length))
      return max(center - reach, 0)..<min(center + reach, length)
    }
    let (rows, columns) = (
      range(around: row, of: shape.height), range(around: column, of: shape.width)
    )
    let area = Double(rows.count * columns.count) / Double(shape.area)
    return .cutMix(rows: rows, columns: columns, weight: 1 - area)
  }

  /// Mixes images in place.
  ///
  /// - Parameters:
  ///   - pixels: [rows, H, W, C].
  ///   - images: rows to mix.
  ///   - first: the row that is the image before the first of them.
  package func mix(
    _ pixels: MutableVectorView<Float>, images: Range<Int>, before first: Int, shape: ImageShape
  ) {
    // From the last one on, so that the image before is still as it was.
    for image in images.reversed() {
      let own = pixels.row(image, width: shape.count)
      let before = pixels.row(
        image > images.lowerBound ? image - 1 : first, width: shape.count)
      switch self {
      case .alone: return
      case .mixup(let weight):
        let (kept, taken) = (Float(weight), Float(1 - weight))
        for index in 0..<shape.count { own[index] = before[index] * taken + own[index] * kept }
      case .cutMix(let rows, let columns, _):
        for row in rows {
          let first = (row * shape.width + columns.lowerBound) * shape.channels
          let range = first..<first + columns.count * shape.channels
          own[range].update(from: before[range])
        }
      }
    }
  }
}

extension TargetSpace {
  /// Writes a distribution over the classes: labels with their weights, and the rest spread evenly.
  ///
  /// - Parameters:
  ///   - labels: their weights sum to 1.
  ///   - smoothing: the part that is spread evenly (Szegedy et al. 2016, §7).
  package mutating func write(
    labels: (first: Int, second: Int), weight: Double, smoothing: Double, classes: Int
  ) {
    var values = [Float](repeating: Float(smoothing / Double(classes)), count: classes)
    values[labels.first] += Float((1 - smoothing) * weight)
    values[labels.second] += Float((1 - smoothing) * (1 - weight))
    write(values)
  }
}
