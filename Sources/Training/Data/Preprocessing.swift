/// The normalization of a run: made from its training images, kept with its checkpoints.

import Datasets
import MPI
import Networks
import Tensors

/// Mean and standard deviation as tensors of a checkpoint: `mean` [C, H, W] or [C], `std` [C], in
/// units of pixel/255.
enum Preprocessing {
  /// The normalization that `configuration` asks for, from statistics of `source` where needed.
  ///
  /// The first rank reads the images; all ranks get its numbers.
  static func make(
    _ configuration: TrainingConfiguration, source: any ImageSource, ranks: Ranks
  ) throws -> Normalization {
    let isNeeded =
      switch (configuration.mean, configuration.deviation) {
      case (.perPixel, _), (.perChannel, _), (_, .perChannel): true
      default: false
      }
    let statistics = try ranks.onFirst {
      isNeeded ? try PixelStatistics(of: source) : nil
    }
    let channels = source.imageShape.channels
    var mean: [Float]
    switch configuration.mean {
    case .perPixel: mean = statistics??.meanImage ?? []
    case .perChannel: mean = statistics??.channelMean ?? []
    case .none: mean = Array(repeating: 0, count: channels)
    case .values(let values): mean = values
    }
    var deviation: [Float]
    switch configuration.deviation {
    case .perChannel: deviation = statistics??.channelDeviation ?? []
    case .none: deviation = Array(repeating: 1, count: channels)
    case .values(let values): deviation = values
    }
    mean = try ranks.control.broadcast(mean)
    deviation = try ranks.control.broadcast(deviation)
    return Normalization(
      mean: mean.count == channels ? .perChannel(mean) : .perPixel(mean), deviation: deviation)
  }

  /// The tensors that a checkpoint keeps.
  static func tensors(_ normalization: Normalization, shape: ImageShape) -> [StateTensor] {
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
  static func normalization(_ tensors: [StateTensor], shape: ImageShape) -> Normalization? {
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
