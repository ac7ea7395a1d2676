/// Which layers of a network keep their weights.

import Distributed
import Networks

/// A choice of layers that are not trained: their parameters and BN statistics stay as they are.
package enum FrozenLayers: Hashable, Sendable {
  case none
  /// All but the classifier.
  case backbone
  /// Layers, or parts of the network, by the prefixes of their names in whole words: `layer1.0` is the
  /// first block of the first stage.
  case parts([String])

  /// The choice that a text names; nil when it names none.
  package init?(_ text: String) {
    let parts = NumberText.words(text)
    switch text {
    case "none": self = .none
    case "backbone": self = .backbone
    case _ where parts.contains(""): return nil
    default: self = .parts(parts)
    }
  }

  /// As on the command line; nil: none.
  package var text: String? {
    switch self {
    case .none: nil
    case .backbone: "backbone"
    case .parts(let parts): parts.joined(separator: ",")
    }
  }

  /// The frozen layers of `network`.
  ///
  /// - Throws: `FrozenLayersError`.
  func names(in network: Architecture) throws(FrozenLayersError) -> Set<String> {
    let layers = network.parameterizedLayers
    switch self {
    case .none: return []
    case .backbone: return Set(layers).subtracting([network.scores.name])
    case .parts(let parts):
      var frozen: Set<String> = []
      for part in parts {
        let found =
          part == Self.normalizations
          ? network.normalizationLayers
          : layers.filter { $0 == part || $0.hasPrefix("\(part).") }
        if found.isEmpty {
          throw .unknown(part: part, network: network.name, known: Self.parts(of: layers))
        }
        frozen.formUnion(found)
      }
      if frozen.count == layers.count { throw .everything(network: network.name) }
      return frozen
    }
  }

  /// The part that stands for all BN layers: fixed statistics, scales and shifts.
  private static let normalizations = "bn"

  /// The first words of the names, in order.
  private static func parts(of layers: [String]) -> [String] {
    var parts: [String] = []
    for layer in layers {
      let part = String(layer.prefix { $0 != "." })
      if parts.last != part { parts.append(part) }
    }
    return parts
  }
}

extension Architecture {
  /// The names of the BN layers, in execution order.
  fileprivate var normalizationLayers: [String] {
    nodes.filter { $0.operation.runningStatistics(of: inputShapes(of: $0)) > 0 }.map(\.name)
  }

  /// The names of the layers that have parameters, in execution order.
  package var parameterizedLayers: [String] {
    nodes.filter { !$0.operation.parameters(of: inputShapes(of: $0)).isEmpty }.map(\.name)
  }
}

/// `--freeze` does not fit the network.
package enum FrozenLayersError: UsageError, Equatable, CustomStringConvertible {
  case unknown(part: String, network: String, known: [String])
  case everything(network: String)

  package var description: String {
    switch self {
    case .unknown(let part, let network, let known):
      "--freeze \(part): \(network) has no such layer; its parts are \(known.joined(separator: ", ")), "
        + "'resnet-dist inspect --model \(network)' shows all layers"
    case .everything(let network):
      "--freeze names all layers of \(network), so nothing is left to train: leave one out"
    }
  }
}

extension ValueFormat where Value == FrozenLayers {
  static var frozenLayers: Self {
    .init("none, backbone, bn, or names of layers such as conv1,bn1,layer1", valueName: "layers") {
      FrozenLayers($0)
    } text: {
      $0.text ?? "none"
    }
  }
}
