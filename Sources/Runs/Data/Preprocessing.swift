/// The normalization of a run: made from its training images, kept with its checkpoints.

import Datasets
import Distributed
import MPI
import Networks
import Settings
import Tensors

/// Mean and standard deviation as tensors of a checkpoint: `mean` [C, H, W] or [C], `std` [C], in
/// units of pixel/255.
package enum Preprocessing {
  /// The normalization that `configuration` requests, from statistics of `source` where needed.
  ///
  /// Rank 0 reads the images; all ranks get its numbers.
  ///
  /// - Parameter transform: what is done to test images: the statistics are of what it gives.
  package static func make(
    _ configuration: TrainingConfiguration, source: any ImageSource, transform: ImageTransform,
    ranks: ProcessGroup
  ) throws -> Normalization {
    let configuration = configuration.withResolvedNormalization(for: source)
    let isNeeded =
      switch (configuration.data.mean, configuration.data.deviation) {
      case (.file, _): false
      case (.perPixel, _), (.perChannel, _), (_, .perChannel): true
      default: false
      }
    let statistics = try ranks.onFirst {
      isNeeded
        ? try PixelStatistics(
          of: source, transform, badImages: configuration.data.badImages,
          workers: configuration.parallel.workers) : nil
    }
    let file = try ranks.onFirst {
      try configuration.statisticsFile(shape: transform.outputShape(of: source.imageShape)!)
    }
    let channels = 3
    var mean: [Float]
    switch configuration.data.mean {
    case .perPixel: mean = statistics??.meanImage ?? []
    case .file: mean = file??.meanImage ?? []
    case .perChannel, .automatic: mean = statistics??.channelMean ?? []
    case .none: mean = Array(repeating: 0, count: channels)
    case .values(let values): mean = values
    }
    var deviation: [Float]
    switch configuration.data.deviation {
    case .perChannel, .automatic:
      deviation = file??.deviation ?? statistics??.channelDeviation ?? []
    case .none: deviation = Array(repeating: 1, count: channels)
    case .values(let values): deviation = values
    }
    mean = try ranks.control.broadcast(mean)
    deviation = try ranks.control.broadcast(deviation)
    return Normalization(
      mean: mean.count == channels ? .perChannel(mean) : .perPixel(mean), deviation: deviation)
  }

  /// torchvision's constants for ImageNet.
  package static let imageNetMean: [Float] = [0.485, 0.456, 0.406]
  package static let imageNetDeviation: [Float] = [0.229, 0.224, 0.225]

  /// The tensors that a checkpoint keeps.
  package static func tensors(_ normalization: Normalization, shape: ImageShape) -> [StateTensor] {
    let deviation = StateTensor(
      name: "std", shape: [normalization.deviation.count], values: normalization.deviation)
    switch normalization.mean {
    case .perChannel(let mean):
      return [StateTensor(name: "mean", shape: [mean.count], values: mean), deviation]
    case .perPixel(let mean):
      var planes = [Float](repeating: 0, count: mean.count)
      for pixel in 0..<shape.area {
        for channel in 0..<shape.channels {
          planes[channel * shape.area + pixel] = mean[pixel * shape.channels + channel]
        }
      }
      let dimensions = [shape.channels, shape.height, shape.width]
      return [StateTensor(name: "mean", shape: dimensions, values: planes), deviation]
    }
  }

  /// The normalization that a checkpoint keeps; nil when it does not fit images of `shape`.
  package static func normalization(_ tensors: [StateTensor], shape: ImageShape) -> Normalization? {
    guard
      let mean = tensors.first(where: { $0.name == "mean" }),
      let deviation = tensors.first(where: { $0.name == "std" }),
      deviation.values.count == shape.channels
    else { return nil }
    if mean.shape == [shape.channels] {
      return Normalization(mean: .perChannel(mean.values), deviation: deviation.values)
    }
    guard mean.shape == [shape.channels, shape.height, shape.width] else { return nil }
    var image = [Float](repeating: 0, count: shape.count)
    for pixel in 0..<shape.area {
      for channel in 0..<shape.channels {
        image[pixel * shape.channels + channel] = mean.values[channel * shape.area + pixel]
      }
    }
    return Normalization(mean: .perPixel(image), deviation: deviation.values)
  }
}

extension ConfigurationChanges {
  /// Whether they say how images are normalized.
  var giveNormalization: Bool { contains(\.data.mean) || contains(\.data.deviation) }
}

extension TrainingConfiguration {
  /// The file that `--mean` names, if it does, for a network's input of `shape`.
  ///
  /// - Throws: `StatisticsFileError`.
  package func statisticsFile(shape: ImageShape) throws -> StatisticsFile? {
    guard case .file(let path) = data.mean else { return nil }
    return try StatisticsFile(path, shape: shape)
  }

  /// The same with what `auto` means for the images of `source`.
  package func withResolvedNormalization(for source: any ImageSource) -> TrainingConfiguration {
    var resolved = self
    let keeps = data.keepsSize(of: source.imageShape)
    if data.mean == .automatic {
      resolved.data.mean = keeps ? .perChannel : .values(Preprocessing.imageNetMean)
    }
    if data.deviation == .automatic, case .file = data.mean {
      resolved.data.deviation = .perChannel
    } else if data.deviation == .automatic {
      resolved.data.deviation = keeps ? .perChannel : .values(Preprocessing.imageNetDeviation)
    }
    return resolved
  }
}
