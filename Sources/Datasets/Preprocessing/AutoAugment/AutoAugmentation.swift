/// Automatic augmentation: which operations a training image goes through.

import Randomness
import Tensors

/// A random choice of operations for each training image, with torchvision's ranges.
public enum AutoAugmentation: Hashable, Sendable {
  /// One operation at a random magnitude: TrivialAugmentWide (Müller and Hutter 2021, arXiv 2103.10158).
  case trivialWide
  /// Two operations, one after the other, at one magnitude of 0…30: RandAugment (Cubuk et al. 2019, arXiv
  /// 1909.13719).
  case random(magnitude: Int)

  /// Magnitudes of an operation, from the weakest on.
  package static let bins = 31
  /// What RandAugment's magnitude is where nothing is said.
  public static let usualMagnitude = 9

  /// The largest change of each operation.
  private struct Reach {
    let shear: Double
    let translation: (x: Double, y: Double)
    let rotation: Double
    let factor: Double
    /// Bits that are cut off at most.
    let bits: Int
  }

  private func reach(_ shape: ImageShape) -> Reach {
    switch self {
    case .trivialWide:
      Reach(shear: 0.99, translation: (32, 32), rotation: 135, factor: 0.99, bits: 6)
    case .random:
      Reach(
        shear: 0.3,
        translation: (150.0 / 331 * Double(shape.width), 150.0 / 331 * Double(shape.height)),
        rotation: 30, factor: 0.9, bits: 4)
    }
  }

  /// The operations of one image, in their order.
  ///
  /// - Parameter shape: of the image that they change.
  package func draw(from stream: inout CounterStream, shape: ImageShape) -> [ImageOperation] {
    switch self {
    case .trivialWide: [operation(&stream, shape) { $0.next(below: Self.bins) }]
    case .random(let magnitude): (0..<2).map { _ in operation(&stream, shape) { _ in magnitude } }
    }
  }

  private func operation(
    _ stream: inout CounterStream, _ shape: ImageShape,
    magnitude: (inout CounterStream) -> Int
  ) -> ImageOperation {
    let kind = Kind.allCases[stream.next(below: Kind.allCases.count)]
    let bin = magnitude(&stream)
    let isNegative = stream.next(below: 2) == 1
    return operation(kind, bin: bin, isNegative: isNegative, shape: shape)
  }

  package enum Kind: CaseIterable {
    case identity, shearX, shearY, translateX, translateY, rotate, brightness, color, contrast
    case sharpness, posterize, solarize, autoContrast, equalize
  }

  /// The operation of a kind at magnitude `bin` of `0..<bins`.
  package func operation(
    _ kind: Kind, bin: Int, isNegative: Bool, shape: ImageShape
  ) -> ImageOperation {
    let reach = reach(shape)
    func part(_ limit: Double) -> Double { Self.linear(to: limit, bin) }
    func signed(_ limit: Double) -> Double { isNegative ? -part(limit) : part(limit) }
    return switch kind {
    case .identity: .identity
    case .shearX: .shearX(signed(reach.shear))
    case .shearY: .shearY(signed(reach.shear))
    case .translateX: .translateX(signed(reach.translation.x))
    case .translateY: .translateY(signed(reach.translation.y))
    case .rotate: .rotate(signed(reach.rotation))
    case .brightness: .brightness(signed(reach.factor))
    case .color: .color(signed(reach.factor))
    case .contrast: .contrast(signed(reach.factor))
    case .sharpness: .sharpness(signed(reach.factor))
    case .posterize: .posterize(8 - Int(part(Double(reach.bits)).rounded(.toNearestOrEven)))
    case .solarize: .solarize(Self.linear(to: 255, Self.bins - 1 - bin))
    case .autoContrast: .autoContrast
    case .equalize: .equalize
    }
  }

  /// Number `bin` of `bins` from 0 to a limit: `torch.linspace`, whose numbers are Floats.
  private static func linear(to limit: Double, _ bin: Int) -> Double {
    let (end, last) = (Float(limit), bins - 1)
    let step = end / Float(last)
    return Double(bin < bins / 2 ? step * Float(bin) : end - step * Float(last - bin))
  }
}
