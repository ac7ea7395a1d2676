/// Which network a set of named tensors is of.

import Tensors

/// A network of the catalog, recognized by the names and shapes of its parameters and running statistics.
///
/// Strides leave no trace in the tensors, nor do shortcuts without projections: `resnet20` with
/// shortcut A and `plain20` have the same.
package struct RecognizedModel: Hashable, Sendable, CustomStringConvertible {
  package let name: String
  /// Nil: the model's own.
  package let shortcut: Shortcut?
  package let classes: Int

  /// - Parameter shapes: PyTorch's, by torchvision's names.
  /// - Returns: nil unless a network of the catalog has exactly these tensors.
  package init?(shapes: [String: [Int]]) {
    guard let stem = shapes["conv1.weight"], stem.count == 4, stem[1] > 0,
      let classes = shapes["fc.bias"]?.first, classes > 0
    else { return nil }
    let blocks = Self.blocks(shapes)
    guard !blocks.isEmpty, blocks.reduce(0, +) <= 3_000 else { return nil }
    let isBottleneck = shapes["layer1.0.conv3.weight"] != nil
    let depth = 2 + blocks.reduce(0, +) * (isBottleneck ? 3 : 2)
    guard
      let plain = Self.name(depth, shapes["layer1.0.conv2.weight"], bottleneck: isBottleneck)
    else { return nil }
    let hasSqueezeExcitation = shapes.keys.contains { $0.hasPrefix("layer1.0.se.") }
    let name = (hasSqueezeExcitation ? "se" : "") + plain
    let shortcut = ModelCatalog.defaultShortcut(of: name)
    for candidate in [shortcut, .a, .b, .c] {
      guard
        let architecture = try? ModelCatalog.architecture(
          named: name, shortcut: candidate, classes: classes,
          input: ImageShape(height: 32, width: 32, channels: stem[1])),
        ParameterLayout(architecture).stateShapes == shapes
      else { continue }
      self.name = name
      self.shortcut = candidate == shortcut ? nil : candidate
      self.classes = classes
      return
    }
    return nil
  }

  /// With the flags that name it.
  package var description: String {
    "--model \(name)\(shortcut.map { " --shortcut \($0.rawValue)" } ?? "") with \(classes) classes"
  }

  /// Blocks of each stage, as far as the names go without a gap.
  private static func blocks(_ shapes: [String: [Int]]) -> [Int] {
    var blocks: [Int] = []
    while true {
      var count = 0
      while shapes["layer\(blocks.count + 1).\(count).conv1.weight"] != nil { count += 1 }
      if count == 0 { return blocks }
      blocks.append(count)
    }
  }

  /// - Parameter middle: the shape of the first block's second convolution.
  private static func name(_ depth: Int, _ middle: [Int]?, bottleneck: Bool) -> String? {
    guard let middle, middle.count == 4, middle[0] > 0, middle[1] > 0 else { return nil }
    let groups = bottleneck ? middle[0] / middle[1] : 1
    return bottleneck && (groups, middle[1]) != (1, 64)
      ? "resnext\(depth)_\(groups)x\(middle[1])d" : "resnet\(depth)"
  }
}
