/// A transform in words, for the summary of a run.

extension ImageTransform: CustomStringConvertible {
  /// `pad 4 and crop, horizontal flip`.
  public var description: String {
    let filter: String? =
      switch (crop, interpolation) {
      case (.whole, _), (.padded, _), (_, .bilinear): nil
      case (_, .bicubic): "bicubic"
      }
    let flip: String? =
      switch flip {
      case .never: nil
      case .always: "mirrored"
      case .random: "horizontal flip"
      }
    let parts = [crop.text, filter, flip, automatic?.text, color.text, erasing.text]
      .compactMap(\.self)
    return parts.isEmpty ? "none" : parts.joined(separator: ", ")
  }
}

extension AutoAugmentation {
  fileprivate var text: String {
    switch self {
    case .trivialWide: "TrivialAugment"
    case .random(let magnitude): "RandAugment of magnitude \(magnitude)"
    }
  }
}

extension RandomErasing {
  fileprivate var text: String? {
    probability > 0 ? "a rectangle erased with probability \(probability)" : nil
  }
}

extension ColorJitter {
  fileprivate var text: String? {
    var parts: [String] = []
    if max(brightness, contrast, saturation) > 0 {
      parts.append("colour jitter \(brightness), \(contrast), \(saturation)")
    }
    if pcaNoise > 0 { parts.append("colour noise \(pcaNoise)") }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }
}

extension ImageTransform.Crop {
  fileprivate var text: String? {
    switch self {
    case .whole: return nil
    case .padded(let padding): return "pad \(padding) and crop"
    case .randomResized(let size, let area, _):
      let (low, high) = (Int(area.lowerBound * 100), Int(area.upperBound * 100))
      return "random crop of \(low) to \(high) % of the area, resized to \(size)×\(size)"
    case .resized(let side, let size, let position):
      let length =
        side.count == 1 ? "\(side.lowerBound)" : "\(side.lowerBound) to \(side.upperBound)"
      let place =
        switch position {
        case .random: "random crop"
        case .center: "centre"
        case .centerOfMirrorImage: "centre of the mirror image"
        case .topLeft: "top left"
        case .topRight: "top right"
        case .bottomLeft: "bottom left"
        case .bottomRight: "bottom right"
        }
      return "shorter side to \(length), \(place) of \(size)×\(size)"
    }
  }
}
