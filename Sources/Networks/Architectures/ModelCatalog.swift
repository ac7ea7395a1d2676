/// The names by which users ask for networks.

import Tensors

/// Why a network cannot be built as asked.
package enum ModelError: Error, Equatable, CustomStringConvertible {
  case unknown(name: String, suggestion: String?)
  case shortcutOfPlainNetwork(name: String)
  case strideWithoutBottlenecks(name: String)
  case noResidualBranches(name: String)
  case imagesTooSmall(name: String, input: ImageShape, minimum: Int)

  package var description: String {
    switch self {
    case .unknown(let name, let suggestion):
      "unknown model '\(name)'" + (suggestion.map { ", did you mean '\($0)'?" } ?? ".")
        + " There are \(ModelCatalog.families)"
    case .shortcutOfPlainNetwork(let name):
      "'\(name)' has no shortcuts: leave out --shortcut, or use --model "
        + name.replacing("plain", with: "resnet")
    case .strideWithoutBottlenecks(let name):
      "'\(name)' has no bottleneck blocks, so their stride has no place in it: leave out "
        + "--stride-placement"
    case .noResidualBranches(let name):
      "'\(name)' has no residual branches to begin with zero: leave out --zero-init-residual"
    case .imagesTooSmall(let name, let input, let minimum):
      "'\(name)' halves its maps \(minimum == 4 ? "twice" : "five times") and needs images of at "
        + "least \(minimum)×\(minimum) pixels, these are \(input.height)×\(input.width)"
    }
  }
}

package enum ModelCatalog {
  /// The depths that the paper reports for CIFAR (He et al. 2015, Table 6), as names.
  package static let paperModels =
    [20, 32, 44, 56, 110, 1202].map { "resnet\($0)" } + [20, 32, 44, 56, 110].map { "plain\($0)" }

  /// The ImageNet networks of He et al. 2015, Tables 1 and 2.
  package static let imageNetModels =
    ImageNetNetwork.depths.map { "resnet\($0)" } + ["plain18", "plain34"]

  /// The ResNeXts of Xie et al. 2017 that are in use; the last two are for small images.
  package static let resNeXtModels = [
    "resnext50_32x4d", "resnext101_32x4d", "resnext101_64x4d", "resnext29_8x64d",
    "resnext29_16x64d",
  ]

  /// The best-known networks with squeeze-and-excitation.
  package static let squeezingModels = ["seresnet18", "seresnet50", "seresnext50_32x4d"]

  static let families =
    "for small images resnetN and plainN with N = 6n+2 (20, 32, 44, 56, 110, 1202 are the paper's) "
    + "and resnext29_GxWd, for ImageNet resnet18, 34, 50, 101, 152, plain18, plain34 and "
    + "resnext50_GxWd, 101, 152, and with squeeze-and-excitation seresnet50 and so on"

  /// The network called `name`.
  ///
  /// - Parameters:
  ///   - name: `resnetN` or `plainN`, or `resnextN_GxWd` with G groups of W channels.
  ///   - shortcut: nil is the papers' choice, A for the 6n+2-layer networks and B for the others.
  ///   - stride: where bottleneck blocks have it; nil is torchvision's choice, the 3×3 convolution.
  ///   - input: nil is the papers', 32×32 or 224×224 in colour.
  /// - Throws: `ModelError`.
  package static func architecture(
    named name: String, shortcut: Shortcut? = nil, stride: BottleneckStride? = nil, classes: Int,
    input: ImageShape? = nil
  ) throws(ModelError) -> Architecture {
    precondition(classes >= 1, "a network needs a class")
    let lowercased = name.lowercased()
    guard let model = Model(lowercased) else {
      throw .unknown(name: name, suggestion: suggestion(for: lowercased))
    }
    if model.isPlain, shortcut != nil { throw .shortcutOfPlainNetwork(name: name) }
    if !model.hasBottlenecks, stride != nil { throw .strideWithoutBottlenecks(name: name) }
    let size = model.nativeSize
    let input = input ?? ImageShape(height: size, width: size, channels: 3)
    if min(input.height, input.width) < model.minimumSize {
      throw .imagesTooSmall(name: name, input: input, minimum: model.minimumSize)
    }
    return model.architecture(
      shortcut: shortcut, stride: stride ?? .middle3x3, classes: classes, input: input)
  }

  /// Whether `name` is one of the networks for 224×224 images of 1000 classes.
  package static func isForImageNet(_ name: String) -> Bool {
    if case .imageNet = Model(name.lowercased()) { true } else { false }
  }

  /// The papers' shortcut of the network called `name`; nil for plain networks.
  package static func defaultShortcut(of name: String) -> Shortcut? {
    Model(name.lowercased()).flatMap { $0.isPlain ? nil : $0.defaultShortcut }
  }

  /// Whether the network called `name` has bottleneck blocks; nil: there is no such network.
  package static func hasBottlenecks(_ name: String) -> Bool? {
    Model(name.lowercased())?.hasBottlenecks
  }

  /// Whether the network called `name` has residual branches; nil: there is no such network.
  package static func hasResidualBranches(_ name: String) -> Bool? {
    Model(name.lowercased()).map { !$0.isPlain }
  }

  private static func suggestion(for name: String) -> String? {
    if let (family, depth) = Model.familyAndDepth(name) {
      // Outwards from what was requested.
      let start = min(max(depth, 8), CIFARNetwork.maximumDepth)
      for distance in 0..<CIFARNetwork.maximumDepth {
        for candidate in [start + distance, start - distance] {
          let suggestion = "\(family)\(candidate)"
          if Model(suggestion) != nil { return suggestion }
        }
      }
    }
    let known = paperModels + imageNetModels + resNeXtModels + squeezingModels
    // `resnext50` is nearer to `resnet50` than to the name that it begins.
    return known.first { $0.hasPrefix("\(name)_") } ?? Spelling.nearest(to: name, among: known)
  }
}

/// What a name means.
private enum Model {
  case small(depth: Int, isPlain: Bool)
  case smallResNeXt(Cardinality)
  case imageNet(depth: Int, isPlain: Bool, Cardinality?, squeezes: Bool)

  /// - Parameter name: in lower case.
  init?(_ name: String) {
    if name.hasPrefix("se") {
      guard
        case .imageNet(let depth, false, let cardinality, false) = Model(String(name.dropFirst(2)))
      else { return nil }
      self = .imageNet(depth: depth, isPlain: false, cardinality, squeezes: true)
    } else if let (family, depth) = Self.familyAndDepth(name) {
      let isPlain = family == "plain"
      if ImageNetNetwork.exists(depth: depth, isPlain: isPlain) {
        self = .imageNet(depth: depth, isPlain: isPlain, nil, squeezes: false)
        // Nor are `plain50` and `plain152` CIFAR networks, whose namesakes are ImageNet's.
      } else if CIFARNetwork.hasDepth(depth), !ImageNetNetwork.depths.contains(depth) {
        self = .small(depth: depth, isPlain: isPlain)
      } else {
        return nil
      }
    } else if let match = name.wholeMatch(of: /resnext([0-9]+)_([0-9]+)x([0-9]+)d/),
      let depth = Int(match.1), let groups = Int(match.2), let width = Int(match.3),
      let cardinality = Cardinality(groups: groups, width: width)
    {
      if depth == CIFARResNeXt.depth {
        self = .smallResNeXt(cardinality)
      } else if ImageNetNetwork.exists(depth: depth, isPlain: false, isResNeXt: true) {
        self = .imageNet(depth: depth, isPlain: false, cardinality, squeezes: false)
      } else {
        return nil
      }
    } else {
      return nil
    }
  }

  /// The parts of `resnetN` and `plainN`, whether or not there is such a network.
  static func familyAndDepth(_ name: String) -> (family: Substring, depth: Int)? {
    guard let match = name.wholeMatch(of: /(resnet|plain)([0-9]+)/), let depth = Int(match.2)
    else { return nil }
    return (match.1, depth)
  }

  var isPlain: Bool {
    switch self {
    case .small(_, let isPlain), .imageNet(_, let isPlain, _, _): isPlain
    case .smallResNeXt: false
    }
  }

  var hasBottlenecks: Bool {
    switch self {
    case .small: false
    case .smallResNeXt: true
    case .imageNet(let depth, _, _, _): ImageNetNetwork.hasBottlenecks(depth)
    }
  }

  /// The papers' choice.
  var defaultShortcut: Shortcut {
    if case .small = self { .a } else { .b }
  }

  /// Height and width of the papers' images.
  var nativeSize: Int {
    if case .imageNet = self { 224 } else { 32 }
  }

  var minimumSize: Int {
    switch self {
    case .small: CIFARNetwork.minimumSize
    case .smallResNeXt: CIFARResNeXt.minimumSize
    case .imageNet: ImageNetNetwork.minimumSize
    }
  }

  /// The network, of images no smaller than `minimumSize`.
  func architecture(
    shortcut: Shortcut?, stride: BottleneckStride, classes: Int, input: ImageShape
  ) -> Architecture {
    let shortcut = shortcut ?? defaultShortcut
    return switch self {
    case .small(let depth, let isPlain):
      CIFARNetwork(
        depth: depth, shortcut: isPlain ? nil : shortcut, classes: classes, input: input)!
        .architecture
    case .smallResNeXt(let cardinality):
      CIFARResNeXt(
        cardinality: cardinality, shortcut: shortcut, stride: stride, classes: classes,
        input: input)!.architecture
    case .imageNet(let depth, let isPlain, let cardinality, let squeezes):
      ImageNetNetwork(
        depth: depth, shortcut: isPlain ? nil : shortcut, cardinality: cardinality,
        stride: stride, squeezes: squeezes, classes: classes, input: input)!.architecture
    }
  }
}
