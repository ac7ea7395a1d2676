/// Mean image, mean colour and standard deviation of a set of images.

/// Statistics in units of pixel/255, from exact integer sums: the order of the images is of no
/// consequence.
public struct PixelStatistics: Equatable, Sendable {
  /// [H, W, C].
  public let meanImage: [Float]
  /// [C].
  public let channelMean: [Float]
  /// [C], over all pixels of all images.
  public let channelDeviation: [Float]

  /// Reads every image of `source` once.
  ///
  /// - Throws: what `source.read` throws.
  public init(of source: any ImageSource) throws {
    let shape = source.imageShape
    var sums = [UInt64](repeating: 0, count: shape.count)
    var squares = [UInt64](repeating: 0, count: shape.channels)
    try withUnsafeTemporaryAllocation(of: UInt8.self, capacity: shape.count) { pixels in
      for index in 0..<source.count {
        try source.read(index, into: pixels)
        for element in 0..<shape.count { sums[element] += UInt64(pixels[element]) }
        for channel in 0..<shape.channels {
          var sum: UInt64 = 0
          for pixel in 0..<shape.area {
            let value = UInt64(pixels[pixel * shape.channels + channel])
            sum += value * value
          }
          squares[channel] += sum
        }
      }
    }
    let images = Double(max(source.count, 1))
    meanImage = sums.map { Float(Double($0) / (255 * images)) }
    var means: [Float] = []
    var deviations: [Float] = []
    for channel in 0..<shape.channels {
      let sum = stride(from: channel, to: shape.count, by: shape.channels).reduce(UInt64(0)) {
        $0 + sums[$1]
      }
      let count = images * Double(shape.area)
      let mean = Double(sum) / count
      let variance = Double(squares[channel]) / count - mean * mean
      means.append(Float(mean / 255))
      // A constant channel is left as it is rather than divided by zero.
      deviations.append(variance > 0 ? Float(variance.squareRoot() / 255) : 1)
    }
    channelMean = means
    channelDeviation = deviations
  }
}
