/// What a test shows of each image to a network.

import Datasets
import Distributed
import Networks

/// One protocol of the papers.
package enum EvaluationViews: Equatable, Sendable {
  /// The crop at the centre, or the whole image where images are taken as they are.
  case center
  /// The four corners and the centre, and their mirror images (Krizhevsky et al. 2012, §4.1).
  case tenCrops
  /// The whole image and its mirror image with shorter sides of these lengths, at every position
  /// (He et al. 2015, §3.4); nil: the paper's scales.
  case dense(scales: [Int]?)

  /// The scales of He et al. 2015, §3.4.
  package static let paperScales = [224, 256, 384, 480, 640]
}

/// A protocol does not suit the images or the network.
package enum EvaluationViewsError: UsageError, CustomStringConvertible {
  case wholeImages(source: String)
  case scalesOfSmallNetwork(name: String)

  package var description: String {
    switch self {
    case .wholeImages(let source):
      "--crops 10 takes crops out of larger images, and these are taken as they are (\(source)): give a "
        + "smaller --val-crop-size, or a larger --val-resize-size"
    case .scalesOfSmallNetwork(let name):
      "'\(name)' is a network for small images, for which the paper has no scales: give --dense "
        + "--scales, such as 32,36,40"
    }
  }
}

extension FullyConvolutionalError: UsageError {}

extension EvaluationViews {
  /// The crops of each image.
  ///
  /// - Parameter test: the crop at the centre.
  /// - Throws: `EvaluationViewsError`.
  package func transforms(_ test: ImageTransform, of source: any ImageSource) throws
    -> [ImageTransform]
  {
    guard self == .tenCrops else { return [test] }
    guard case .resized(let side, let size, _) = test.crop else {
      throw EvaluationViewsError.wholeImages(source: source.name)
    }
    let corners: [ImageTransform.Position] = [.topLeft, .topRight, .bottomLeft, .bottomRight]
    func crops(_ center: ImageTransform.Position, _ flip: ImageTransform.Flip) -> [ImageTransform] {
      (corners + [center]).map {
        var crop = ImageTransform(
          crop: .resized(shorterSide: side, size: size, at: $0), flip: flip)
        crop.interpolation = test.interpolation
        return crop
      }
    }
    return crops(.center, .never) + crops(.centerOfMirrorImage, .always)
  }

  /// The lengths of the shorter side at which `network` sees each image.
  ///
  /// - Throws: `EvaluationViewsError`, `FullyConvolutionalError`.
  package func scales(of network: Architecture) throws -> [Int] {
    guard case .dense(let given) = self else { return [] }
    guard let scales = given ?? (ModelCatalog.isForImageNet(network.name) ? Self.paperScales : nil)
    else { throw EvaluationViewsError.scalesOfSmallNetwork(name: network.name) }
    for scale in scales {
      _ = try network.fullyConvolutional(
        input: .init(height: scale, width: scale, channels: network.input.channels))
    }
    return scales
  }
}
