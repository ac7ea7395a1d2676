/// Statistics of the training images: what `resnet-dist data statistics` does.

import Console
import Datasets
import Networks
import Settings
import Tensors

/// One `resnet-dist data statistics`.
package struct StatisticsRun {
  private let configuration: TrainingConfiguration
  private let source: any ImageSource
  private let transform: ImageTransform
  private let shape: ImageShape

  /// Opens the training images.
  ///
  /// - Throws: `DatasetError` and others that say what is wrong with the images.
  package init(_ configuration: TrainingConfiguration) throws {
    self.configuration = configuration
    let data = try TrainingData(configuration)
    source = data.train
    transform = data.testTransform
    shape = data.testShape
  }

  /// Reads all training images as the network would see them in a test, and writes the file.
  package func write(to path: String, console: any Console) throws {
    let bar = ProgressBar(console: console)
    bar.begin("statistics", total: source.count)
    let statistics = try PixelStatistics(
      of: source, transform, workers: configuration.parallel.workers
    ) { bar.update(completed: $0, images: $0) }
    bar.finish()
    try StatisticsFile.write(statistics, shape: shape, of: source, to: path)
    var table = SummaryTable()
    table.add("images", source.name)
    table.add("size", "\(shape.height)×\(shape.width)")
    table.add("mean", Self.list(statistics.channelMean))
    table.add("std", Self.list(statistics.channelDeviation))
    table.add("written to", path)
    table.write(to: console)
  }

  private static func list(_ values: [Float]) -> String {
    values.map { "\($0)" }.joined(separator: ",")
  }
}
