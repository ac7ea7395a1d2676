/// Mean image, mean colour, standard deviation and covariance of colours of a set of images.

/// Statistics in units of pixel/255, from exact integer sums: the order of the images is of no
/// consequence.
public struct PixelStatistics: Equatable, Sendable {
  /// [H, W, C].
  public let meanImage: [Float]
  /// [C].
  public let channelMean: [Float]
  /// [C], over all pixels of all images.
  public let channelDeviation: [Float]
  /// [C, C], over all pixels of all images.
  public let covariance: [Double]

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
    let channels = shape.channels
    // Of each pair of channels.
    var products = [UInt64](repeating: 0, count: channels * channels)
    // Of one image.
    var bytes = [UInt32](repeating: 0, count: shape.count)
    let batch = 64
    let loader = BatchLoader(
      source: source, normalization: .bytes(channels: shape.channels), transform: transform,
      order: .sequential, batchSize: batch, localRange: 0..<batch,
      steps: 0..<(source.count + batch - 1) / batch, badImages: badImages, workers: workers)
    var done = 0
    while let count = try loader.withNext({ images in
      for image in 0..<images.count {
        let pixels = images.pixels.images(image..<image + 1)
        for element in 0..<shape.count {
          bytes[element] = UInt32(pixels[element].rounded())
          sums[element] += UInt64(bytes[element])
        }
        for first in 0..<channels {
          for second in first..<channels {
            var sum: UInt64 = 0
            for pixel in stride(from: 0, to: shape.count, by: channels) {
              sum += UInt64(bytes[pixel + first] * bytes[pixel + second])
            }
            products[first * channels + second] += sum
          }
        }
      }
      return images.count
    }) {
      done += count
      progress(done)
    }
    let images = Double(max(source.count, 1))
    meanImage = sums.map { Float(Double($0) / (255 * images)) }
    let count = images * Double(shape.area)
    let means = (0..<channels).map { channel in
      let sum = stride(from: channel, to: shape.count, by: channels).reduce(UInt64(0)) {
        $0 + sums[$1]
      }
      return Double(sum) / count
    }
    /// In units of a byte.
    func covariance(_ first: Int, _ second: Int) -> Double {
      let product = products[min(first, second) * channels + max(first, second)]
      return Double(product) / count - means[first] * means[second]
    }
    channelMean = means.map { Float($0 / 255) }
    // A constant channel is left as it is rather than divided by zero.
    channelDeviation = (0..<channels).map { channel in
      let variance = covariance(channel, channel)
      return variance > 0 ? Float(variance.squareRoot() / 255) : 1
    }
    self.covariance = (0..<channels * channels).map {
      covariance($0 / channels, $0 % channels) / (255 * 255)
    }
  }
}
