/// A network's layers without weights, for people and for scripts.

import Console
import Foundation
import Networks
import Settings
import Tensors

/// One `resnet-dist inspect --model`.
package struct ArchitectureTable {
  private let architecture: Architecture

  /// - Parameters:
  ///   - configuration: its network settings.
  ///   - classes: nil is 1000 for the ImageNet networks, 10 for the others.
  ///   - imageSize: height and width; nil is the papers'.
  /// - Throws: `ModelError`.
  package init(_ configuration: TrainingConfiguration, classes: Int?, imageSize: Int?) throws {
    architecture = try configuration.architecture(classes: classes, imageSize: imageSize)
  }

  /// Name, output (height × width × channels), operation, parameters and multiply-adds of every layer,
  /// like Table 1 of He et al. 2015, and their sums.
  package var text: String {
    let layers = architecture.layerCosts
    var table = TextTable([.left, .left, .left, .right, .right])
    table.add(["layer", "output", "operation", "parameters", "multiply-adds"])
    for layer in layers {
      table.add([
        layer.name, "\(layer.output)", layer.summary, layer.parameters.grouped,
        layer.multiplyAdds.grouped,
      ])
    }
    table.add([
      "total", "", "", architecture.parameterCount.grouped, architecture.multiplyAdds.grouped,
    ])
    return
      "\(architecture.name): \(architecture.summary), \(architecture.classes) classes, images of "
      + "\(architecture.input)\n\n" + table.lines.joined(separator: "\n")
  }

  /// `{"model","classes","input","parameters","multiply_adds","layers":[{"name","operation","output",
  /// "parameters","multiply_adds"}]}`; shapes are [channels, height, width], as in PyTorch.
  package var json: String {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return String(decoding: try encoder.encode(Contents(architecture)), as: UTF8.self)
    }
  }

  private struct Contents: Encodable {
    struct Layer: Encodable {
      let name: String
      let operation: String
      let output: [Int]
      let parameters: Int
      let multiplyAdds: Int

      enum CodingKeys: String, CodingKey {
        case name, operation, output, parameters
        case multiplyAdds = "multiply_adds"
      }
    }

    let model: String
    let classes: Int
    let input: [Int]
    let parameters: Int
    let multiplyAdds: Int
    let layers: [Layer]

    enum CodingKeys: String, CodingKey {
      case model, classes, input, parameters, layers
      case multiplyAdds = "multiply_adds"
    }

    init(_ architecture: Architecture) {
      func sizes(_ shape: ImageShape) -> [Int] { [shape.channels, shape.height, shape.width] }
      model = architecture.name
      classes = architecture.classes
      input = sizes(architecture.input)
      parameters = architecture.parameterCount
      multiplyAdds = architecture.multiplyAdds
      layers = architecture.layerCosts.map {
        Layer(
          name: $0.name, operation: $0.summary, output: sizes($0.output),
          parameters: $0.parameters, multiplyAdds: $0.multiplyAdds)
      }
    }
  }
}
