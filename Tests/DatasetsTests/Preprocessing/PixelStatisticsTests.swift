/// Tests of mean image, mean colour and deviation against plain loops in Float64.

import Datasets
import Tensors
import Testing

@Suite struct PixelStatisticsTests {
  @Test("statistics equal plain loops over pixel/255", arguments: [1, 2, 53])
  func statistics(count: Int) throws {
    let source = NumberedImages(count: count)
    let shape = source.imageShape!
    let statistics = try PixelStatistics(of: source)
    func value(_ image: Int, _ place: Int) -> Double {
      Double(NumberedImages.byte(image, place)) / 255
    }
    for place in 0..<shape.count {
      let mean = (0..<count).reduce(0) { $0 + value($1, place) } / Double(count)
      #expect(abs(Double(statistics.meanImage[place]) - mean) < 1e-6)
    }
    for channel in 0..<shape.channels {
      let all = (0..<count).flatMap { image in
        stride(from: channel, to: shape.count, by: shape.channels).map { value(image, $0) }
      }
      let mean = all.reduce(0, +) / Double(all.count)
      let variance = all.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(all.count)
      #expect(abs(Double(statistics.channelMean[channel]) - mean) < 1e-6)
      #expect(abs(Double(statistics.channelDeviation[channel]) - variance.squareRoot()) < 1e-6)
    }
  }

  @Test("Fashion-MNIST normalized by its own statistics has mean 0 and deviation 1")
  func normalizesItself() throws {
    let source = Subset(try FashionMNIST(split: .test), indices: 0..<2000)
    let statistics = try PixelStatistics(of: source)
    let loader = BatchLoader(
      source: source,
      normalization: Normalization(
        mean: .perChannel(statistics.channelMean), deviation: statistics.channelDeviation),
      transform: .none, order: .sequential, batchSize: 2000, localRange: 0..<2000,
      steps: 0..<1, workers: 1)
    let sums = try loader.withNext { batch in
      (0..<batch.count * source.imageShape!.count).reduce((0.0, 0.0)) { sums, index in
        let value = Double(batch.pixels[index])
        return (sums.0 + value, sums.1 + value * value)
      }
    }!
    let count = Double(2000 * source.imageShape!.count)
    #expect(abs(sums.0 / count) < 1e-5)
    #expect(abs(sums.1 / count - 1) < 1e-4)
  }
}
