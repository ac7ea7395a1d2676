/// The images of a detection data set as a detector sees them.

import Datasets
import Detection
import DetectionData
import Distributed
import Settings
import Tensors

/// Reads images one by one, resized and normalized. One thread uses it.
final class DetectionImages {
  private let dataset: DetectionDataset
  private let scale: ImageScale
  /// Of tests with several sizes.
  private let testScales: [ImageScale]
  private var reader: ImageFileReader
  private let memory = ResizedImage()
  private let scaled: [ResizedImage]

  /// An image and where its objects are.
  struct Sample {
    /// [1, H, W, 3]; valid until the next is read.
    let image: ImageTensor
    /// The same in the sizes of multi-scale tests, ascending.
    var scales: [ImageTensor] = []
    /// The file's size.
    let file: ImageShape

    /// How much longer the sides are than the file's.
    var factors: (x: Double, y: Double) {
      (
        Double(image.shape.width) / Double(file.width),
        Double(image.shape.height) / Double(file.height)
      )
    }

    /// A box of the file in the image.
    ///
    /// - Parameter isFlipped: whether the image is mirrored.
    func box(_ box: Box, isFlipped: Bool) -> SIMD4<Float> {
      let (x, y) = factors
      let width = Double(image.shape.width)
      let (left, right) =
        isFlipped ? (width - box.x2 * x, width - box.x1 * x) : (box.x1 * x, box.x2 * x)
      return SIMD4(Float(left), Float(box.y1 * y), Float(right), Float(box.y2 * y))
    }

    /// A box of the image in the file, which it does not leave.
    func box(_ box: SIMD4<Float>) -> Box {
      let (x, y) = factors
      func inside(_ place: Float, _ factor: Double, _ side: Int) -> Double {
        min(max(Double(place) / factor, 0), Double(side))
      }
      return Box(
        x1: inside(box[0], x, file.width), y1: inside(box[1], y, file.height),
        x2: inside(box[2], x, file.width), y2: inside(box[3], y, file.height))
    }
  }

  init(
    _ dataset: DetectionDataset, _ configuration: TrainingConfiguration,
    normalization: Normalization
  ) {
    self.dataset = dataset
    scale = configuration.detectionScale
    testScales = configuration.detectionTestScales
    reader = ImageFileReader(normalization, decoding: configuration.data.decoding)
    scaled = testScales.map { _ in ResizedImage() }
  }

  /// Reads an image for a test.
  ///
  /// - Throws: as `read(_:scale:isFlipped:)`.
  func readForTest(_ index: Int) throws -> Sample {
    var sample = try read(index)
    sample.scales = testScales.indices.map {
      scaled[$0].take(&reader, testScales[$0].resized(sample.file), isFlipped: false)
    }
    return sample
  }

  /// Reads an image.
  ///
  /// - Parameters:
  ///   - scale: nil: the usual one.
  ///   - isFlipped: whether it is mirrored.
  /// - Throws: `DatasetError`, and `DetectionImageError` where the file has not the size that the
  ///   annotations say.
  func read(_ index: Int, scale: ImageScale? = nil, isFlipped: Bool = false) throws -> Sample {
    let annotated = dataset.images[index]
    let file = try reader.read(annotated.path)
    try annotated.check(file)
    let shape = (scale ?? self.scale).resized(file)
    return Sample(image: memory.take(&reader, shape, isFlipped: isFlipped), file: file)
  }
}

/// Memory for an image in one of its sizes.
private final class ResizedImage {
  private var memory = AlignedBuffer<Float>(count: 0)

  /// The reader's image; valid until the next is taken.
  func take(
    _ reader: inout ImageFileReader, _ shape: ImageShape, isFlipped: Bool
  ) -> ImageTensor {
    if memory.count < shape.count { memory = AlignedBuffer(count: shape.count) }
    reader.write(resizedTo: shape, isFlipped: isFlipped, to: memory.view[0..<shape.count])
    return ImageTensor(base: memory.pointer, images: 1, shape: shape)
  }
}

extension AnnotatedImage {
  /// - Parameter file: the size of the image file.
  fileprivate func check(_ file: ImageShape) throws(DetectionImageError) {
    if file.width == width, file.height == height { return }
    throw .otherSize(path: path, file: file, width: width, height: height)
  }
}

extension DetectionDataset {
  /// Checks that every image can be opened and has the size that its annotations are for; ranks share the
  /// images. Collective.
  ///
  /// - Parameter badImages: skip: images that cannot be opened are met, and reported, in training.
  /// - Throws: `CollectiveFailure`.
  func checkSizes(
    _ decoding: ImageDecoding, badImages: BadImagePolicy = .fail, ranks: ProcessGroup
  ) throws {
    try ranks.together {
      for index in stride(from: ranks.rank, to: images.count, by: ranks.count) {
        let path = images[index].path
        let file: ImageShape
        do {
          file = try ImageDecoder.shape(ofFile: path, upright: decoding.upright)
        } catch is DatasetError where badImages == .skip { continue }
        try images[index].check(file)
      }
    }
  }
}

/// An image does not fit its annotations.
enum DetectionImageError: Error, CustomStringConvertible {
  case otherSize(path: String, file: ImageShape, width: Int, height: Int)

  var description: String {
    switch self {
    case .otherSize(let path, let file, let width, let height):
      "\(path) has \(file.width)×\(file.height) pixels, but its annotations are for "
        + "\(width)×\(height)"
        + (file.width == height && file.height == width
          ? ": the photograph is turned by its EXIF data; use --exif-transpose, or --no-exif-transpose"
          : ": annotate the image as it is, or leave it out")
    }
  }
}
