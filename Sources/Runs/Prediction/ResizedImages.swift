/// Image files of any size for a network whose input is not square.

import Datasets
import Kernels
import Tensors

/// Images of another source, resized to one height and width; those that have it stay as they are.
struct ResizedImages: ImageSource {
  private let base: any ImageSource
  private let shape: ImageShape
  private let interpolation: ResamplingFilter

  init(_ base: any ImageSource, to shape: ImageShape, interpolation: ResamplingFilter) {
    (self.base, self.shape, self.interpolation) = (base, shape, interpolation)
  }

  var name: String { base.name }
  var count: Int { base.count }
  var classNames: [String] { base.classNames }
  var imageShape: ImageShape? { shape }
  var fingerprint: String { base.fingerprint }

  func label(at index: Int) -> Int { base.label(at: index) }

  func imageName(at index: Int) -> String { base.imageName(at: index) }

  func shortName(at index: Int) -> String { base.shortName(at: index) }

  func read(
    _ index: Int, into image: inout ImageBuffer, divisor: (ImageShape) -> Int
  ) throws {
    try base.read(index, into: &image)
    if image.shape == shape { return }
    var intermediate = ImageBuffer()
    var resized = ImageBuffer()
    image.resize(to: shape, filter: interpolation, via: &intermediate, into: &resized)
    image = resized
  }
}
