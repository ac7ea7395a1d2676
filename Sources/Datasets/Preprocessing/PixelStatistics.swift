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
  /// - Parameters:
  ///   - transform: without random draws; the statistics are of what it makes of the images.
  ///   - badImages: what becomes of images that cannot be read or decoded.
  ///   - workers: threads that read.
  ///   - progress: called with the images done, now and then.
  /// - Throws: what `source.read` throws.
  public init(
    of source: any ImageSource, _ transform: ImageTransform = .none,
    badImages: BadImagePolicy = .fail, workers: Int = 1,
    progress: (Int) -> Void = { _ in }
  ) throws {
    let shape = transform.outputShape(of: source.imageShape)!
    var sums = [UInt64](repeating: 0, count: shape.count)
    var squares = [UInt64](repeating: 0, count: shape.channels)
    let batch = 64
    let loader = BatchLoader(
      source: source, normalization: .bytes(channels: shape.channels), transform: transform,
      order: .sequential, batchSize: batch, localRange: 0..<batch,
      steps: 0..<(source.count + batch - 1) / batch, badImages: badImages, workers: workers)
    var done = 0
    while let count = try loader.withNext({ images in
      for image in 0..<images.count {
        let pixels = images.pixels + image * shape.count
        for element in 0..<shape.count {
          let value = UInt64(pixels[element].rounded())
          sums[element] += value
          squares[element % shape.channels] += value * value
        }
      }
      return images.count
    }) {
      done += count
      progress(done)
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
