/// The names by which users ask for networks.

import Tensors

/// Why a network cannot be built as asked.
public enum ModelError: Error, Equatable, CustomStringConvertible {
  case unknown(name: String, suggestion: String?)
  case shortcutOfPlainNetwork(name: String)
  case imagesTooSmall(name: String, input: ImageShape)

  public var description: String {
    switch self {
    case .unknown(let name, let suggestion):
      "unknown model '\(name)'" + (suggestion.map { ", did you mean '\($0)'?" } ?? ".")
        + " There are \(ModelCatalog.families)"
    case .shortcutOfPlainNetwork(let name):
      "'\(name)' has no shortcuts: leave out --shortcut, or use --model "
        + name.replacing("plain", with: "resnet")
    case .imagesTooSmall(let name, let input):
      "'\(name)' halves its maps twice and needs images of at least 4×4 pixels, these are "
        + "\(input.height)×\(input.width)"
    }
  }
}

public enum ModelCatalog {
  /// The depths that the paper reports (He et al. 2015, Table 6), as names.
  public static let paperModels =
    [20, 32, 44, 56, 110, 1202].map { "resnet\($0)" } + [20, 32, 44, 56, 110].map { "plain\($0)" }

  /// Depths 6n+2 whose names belong to the ImageNet networks (He et al. 2015, Table 1).
  private static let reservedDepths = [50, 152]

  static let families =
    "resnetN and plainN with N = 6n+2: 20, 32, 44, 56, 110, 1202 are the paper's"

  /// The network called `name`.
  ///
  /// - Parameters:
  ///   - name: `resnetN` or `plainN` with N = 6n+2.
  ///   - shortcut: nil is the paper's choice, A for the CIFAR networks.
  /// - Throws: `ModelError`.
  public static func architecture(
    named name: String, shortcut: Shortcut? = nil, classes: Int,
    input: ImageShape = ImageShape(height: 32, width: 32, channels: 3)
  ) throws(ModelError) -> Architecture {
    let lowercased = name.lowercased()
    for (family, isPlain) in [("resnet", false), ("plain", true)] {
      guard lowercased.hasPrefix(family) else { continue }
      let digits = lowercased.dropFirst(family.count)
      guard let depth = Int(digits), digits.allSatisfy(\.isNumber) else { continue }
      if input.height < 4 || input.width < 4 { throw .imagesTooSmall(name: name, input: input) }
      if isPlain, shortcut != nil { throw .shortcutOfPlainNetwork(name: name) }
      if !reservedDepths.contains(depth),
        let network = CIFARNetwork(
          depth: depth, shortcut: isPlain ? nil : shortcut ?? .a, classes: classes, input: input)
      {
        return network.architecture
      }
      // 6n+2 nearest to what was asked for.
      let blocks = max(1, Int((Double(min(depth, CIFARNetwork.maximumDepth)) - 2) / 6 + 0.5))
      let nearest = blocks * 6 + (reservedDepths.contains(blocks * 6 + 2) ? 8 : 2)
      throw .unknown(name: name, suggestion: "\(family)\(nearest)")
    }
    throw .unknown(name: name, suggestion: Spelling.nearest(to: lowercased, among: paperModels))
  }
}
