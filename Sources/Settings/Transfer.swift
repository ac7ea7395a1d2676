/// Transfer learning: what of a trained network is trained on.

import Distributed
import Networks

/// How trained weights are used for other images.
package enum Transfer: String, CaseIterable, Sendable {
  /// Everything is trained.
  case all
  /// The last residual blocks and the classifier are.
  case last
  /// One fully connected layer is: the classifier.
  case head
}

extension NetworkSettings {
  /// The layers of `architecture` that keep their weights, by `transfer` and by `frozen`.
  ///
  /// - Throws: `FrozenLayersError`, `TransferError`.
  func frozenLayers(of architecture: Architecture) throws -> Set<String> {
    let named = try frozen.names(in: architecture)
    switch transfer {
    case nil, .all: return named
    case .head: return named.union(try FrozenLayers.backbone.names(in: architecture))
    case .last:
      let blocks = architecture.blockNames
      guard trainLast < blocks.count else {
        throw TransferError.tooManyBlocks(
          requested: trainLast, network: architecture.name, blocks: blocks.count)
      }
      let trained = blocks.suffix(trainLast).map { "\($0)." }
      return named.union(
        architecture.parameterizedLayers.filter { layer in
          layer != architecture.scores.name && !trained.contains { layer.hasPrefix($0) }
        })
    }
  }
}

extension Architecture {
  /// The names of the blocks, `layer1.0` and so on, in execution order.
  package var blockNames: [String] {
    var names: [String] = []
    for layer in parameterizedLayers {
      let words = layer.split(separator: ".")
      guard words.count > 2, words[0].hasPrefix("layer") else { continue }
      let name = words[0...1].joined(separator: ".")
      if names.last != name { names.append(name) }
    }
    return names
  }
}

/// `--transfer` does not fit the other settings.
package enum TransferError: UsageError, Equatable, CustomStringConvertible {
  case withoutWeights
  case tooManyBlocks(requested: Int, network: String, blocks: Int)

  package var description: String {
    switch self {
    case .withoutWeights: "--transfer trains on from --weights: give trained weights"
    case .tooManyBlocks(let requested, let network, let blocks):
      "--train-last \(requested): \(network) has \(blocks) blocks, so at most \(blocks - 1) of them "
        + "are the last ones; --transfer all trains everything"
    }
  }
}
