/// The networks that PyTorch computed in Float64: `Oracles/networks/make_fixtures.py`.

import Foundation
import Networks
import Safetensors
import Tensors
import TestSupport

/// One fixture file and the network that it is of.
struct NetworkFixture {
  let architecture: Architecture
  let file: SafetensorsFile

  static let names = ["resnet8-A", "resnet8-B", "resnet8-C", "plain8", "resnet20-A", "plain20"]

  /// - Parameters:
  ///   - name: `resnetN-SHORTCUT` or `plainN`.
  ///   - side: of the images; weights do not depend on it.
  init(_ name: String, side: Int = 12) throws {
    let parts = name.split(separator: "-")
    architecture = try ModelCatalog.architecture(
      named: String(parts[0]),
      shortcut: parts.count > 1 ? Shortcut(rawValue: String(parts[1])) : nil,
      classes: 10, input: ImageShape(height: side, width: side, channels: 3))
    file = try Self.open(name)
  }

  static func open(_ name: String) throws -> SafetensorsFile {
    try SafetensorsFile(
      contentsOf: Bundle.module.resourcePath! + "/Fixtures/\(name).safetensors")
  }

  /// Parameters and running statistics before the training pass.
  func state() throws -> [StateTensor] {
    let layout = ParameterLayout(architecture)
    let parameters = try layout.slots.map { slot in
      let values: [Float]
      if slot.fileShape.count == 4 {
        values = fixtureConvolutionWeight(slot.name, shape: slot.fileShape)
      } else {
        values = try file.float32("parameter.\(slot.name)", shape: slot.fileShape)
      }
      return StateTensor(name: slot.name, shape: slot.fileShape, values: values)
    }
    let statistics = try layout.runningStatistics.flatMap { slot in
      try ["running_mean", "running_var"].map {
        StateTensor(
          name: "\(slot.name).\($0)", shape: [slot.mean.count],
          values: try file.float32("buffer_before.\(slot.name).\($0)", shape: [slot.mean.count]))
      }
    }
    return parameters + statistics
  }

  /// The mini-batch of every network's fixture.
  func batch() throws -> Batch {
    let shape = [6, 3, 12, 12]
    return Batch(
      shape: architecture.input,
      images: imagesFromNCHW(try file.float32("input", shape: shape), shape: shape),
      labels: try file.int64("labels", shape: [6]).map { Int32($0) })
  }

  /// A replica with the fixture's state, over `shards` shards of the six images.
  func replica(shards: Int, fuse: Bool = true) throws -> TrainingReplica {
    let replica = try TrainingReplica(alone: architecture, batch: 6, shards: shards, fuse: fuse)
    try replica.load(stateDictionary: state())
    return replica
  }
}
