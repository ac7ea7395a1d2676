/// From bytes to the network's input: (pixel/255 − mean) / deviation.

/// The normalization of a network's input, part of what the network learned from.
public struct Normalization: Equatable, Sendable {
  public enum Mean: Equatable, Sendable {
    /// [H, W, C]: the mean image (He et al. 2015, §4.2).
    case perPixel([Float])
    /// [C].
    case perChannel([Float])
  }

  /// In units of pixel/255.
  public let mean: Mean
  /// [C], in units of pixel/255, positive.
  public let deviation: [Float]

  public init(mean: Mean, deviation: [Float]) {
    self.mean = mean
    self.deviation = deviation
  }
  /// Leaves pixels as they are, but for rounding: 0…255.
  static func bytes(channels: Int) -> Normalization {
    Normalization(
      mean: .perChannel(Array(repeating: 0, count: channels)),
      deviation: Array(repeating: 1 / 255, count: channels))
  }
}
