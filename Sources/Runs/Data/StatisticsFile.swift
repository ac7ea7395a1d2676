/// The statistics of a set of training images in a file: made by `data statistics`, used by `--mean FILE`.

import Datasets
import Distributed
import Foundation
import Networks
import Safetensors
import Tensors
import System

/// A safetensors file with `mean` [3, H, W], `channel_mean` [3], `std` [3], `pca_variances` [3] and
/// `pca_directions` [3, 3], in units of pixel/255; the mean image is of what test images become.
package struct StatisticsFile {
  package let meanImage: [Float]
  package let channelMean: [Float]
  package let deviation: [Float]

  /// - Parameter shape: of the network's input.
  package static func write(
    _ statistics: PixelStatistics, shape: ImageShape, of source: any ImageSource, to path: String
  ) throws {
    let colors = PrincipalColors(covariance: statistics.covariance)
    let image = Preprocessing.tensors(
      Normalization(mean: .perPixel(statistics.meanImage), deviation: []), shape: shape)[0]
    let bytes = try SafetensorsWriter.bytes(
      of: [
        TensorContent("mean", shape: image.shape, float32: image.values),
        TensorContent("channel_mean", shape: [3], float32: statistics.channelMean),
        TensorContent("std", shape: [3], float32: statistics.channelDeviation),
        TensorContent("pca_variances", shape: [3], float32: colors.variances.map { Float($0) }),
        TensorContent(
          "pca_directions", shape: [3, 3], float32: colors.directions.map { Float($0) }),
      ], metadata: ["images": source.fingerprint], name: path)
    try AtomicFile.write(bytes, to: path)
  }

  /// Reads a file for a network's input of `shape`.
  ///
  /// - Throws: `StatisticsFileError`.
  package init(_ path: String, shape: ImageShape) throws {
    let tensors: [StateTensor]
    do { tensors = try SafetensorsFile(contentsOf: path).stateTensors() } catch {
      throw StatisticsFileError.unreadable(path: path, reason: "\(error)")
    }
    func values(_ name: String, _ dimensions: [Int]) throws -> [Float] {
      guard let tensor = tensors.first(where: { $0.name == name }) else {
        throw StatisticsFileError.missing(path: path, tensor: name)
      }
      guard tensor.shape == dimensions else {
        throw StatisticsFileError.otherShape(
          path: path, tensor: name, found: tensor.shape, expected: dimensions)
      }
      guard tensor.values.allSatisfy(\.isFinite) else {
        throw StatisticsFileError.notFinite(path: path, tensor: name)
      }
      return tensor.values
    }
    let planes = try values("mean", [shape.channels, shape.height, shape.width])
    deviation = try values("std", [shape.channels])
    channelMean = try values("channel_mean", [shape.channels])
    guard deviation.allSatisfy({ $0 > 0 }) else {
      throw StatisticsFileError.notFinite(path: path, tensor: "std")
    }
    let tensor = StateTensor(
      name: "mean", shape: [shape.channels, shape.height, shape.width], values: planes)
    let std = StateTensor(name: "std", shape: [shape.channels], values: deviation)
    guard
      case .perPixel(let image)? = Preprocessing.normalization([tensor, std], shape: shape)?.mean
    else { preconditionFailure("a mean of the input's shape") }
    meanImage = image
  }
}

/// A file that `--mean` names cannot be used.
package enum StatisticsFileError: UsageError, Equatable, CustomStringConvertible {
  case unreadable(path: String, reason: String)
  case missing(path: String, tensor: String)
  case otherShape(path: String, tensor: String, found: [Int], expected: [Int])
  case notFinite(path: String, tensor: String)

  package var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "--mean \(path): \(reason). Make the file with: resnet-dist data statistics"
    case .missing(let path, let tensor):
      "--mean \(path) has no '\(tensor)': make the file with resnet-dist data statistics"
    case .otherShape(let path, let tensor, let found, let expected):
      "--mean \(path): '\(tensor)' is \(found), the network's input needs \(expected): make the file "
        + "with resnet-dist data statistics and the same sizes of images"
    case .notFinite(let path, let tensor):
      "--mean \(path): '\(tensor)' holds values that cannot be: make the file again with resnet-dist "
        + "data statistics"
    }
  }
}
