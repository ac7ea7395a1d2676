/// One sample's crop in numbers: which pixels of the image become which of the output.

import Foundation
import Kernels
import Randomness
import Tensors

/// A part of an image, at its own size or resized.
enum ImageView: Equatable {
  /// The image shifted, with zeros where nothing is: output row r is row r + `rows`.
  case shifted(rows: Int, columns: Int)
  case resized(ResizedCrop)
}

/// A rectangle of an image, resized, and a window of the result.
struct ResizedCrop: Equatable {
  /// In the image's pixels.
  var rows: Range<Int>
  var columns: Range<Int>
  /// The size that the rectangle is resized to.
  var height: Int
  var width: Int
  /// What is kept of that.
  var windowRows: Range<Int>
  var windowColumns: Range<Int>
  var filter = ResamplingFilter.bilinear

  /// The axes of the resampling, and the first pixel of the decoded image that they count from.
  ///
  /// - Parameters:
  ///   - decoded: the image's size after decoding.
  ///   - divisor: by how much decoding has reduced it.
  func axes(
    decoded: ImageShape, divisor: Int
  ) -> (rows: ResamplingAxis, columns: ResamplingAxis, firstRow: Int, firstColumn: Int) {
    /// Pixels outside the rectangle have no part in the result, as if it had been cut out first.
    func axis(
      _ range: Range<Int>, _ size: Int, _ output: Int, _ window: Range<Int>
    ) -> (ResamplingAxis, Int) {
      let low = Double(range.lowerBound) / Double(divisor)
      let high = min(Double(range.upperBound) / Double(divisor), Double(size))
      let first = Int(low)
      let input = min(Int(high.rounded(.up)), size) - first
      let box = low - Double(first)...high - Double(first)
      let axis = ResamplingAxis(
        input: input, box: box, output: output, window: window, filter: filter)
      return (axis, first)
    }
    let (rowAxis, firstRow) = axis(rows, decoded.height, height, windowRows)
    let (columnAxis, firstColumn) = axis(columns, decoded.width, width, windowColumns)
    return (rowAxis, columnAxis, firstRow, firstColumn)
  }

  /// The same with another filter.
  func with(_ filter: ResamplingFilter) -> ResizedCrop {
    var crop = self
    crop.filter = filter
    return crop
  }

  /// The largest divisor, 8, 4, 2 or 1, that leaves at least as many pixels as the result has.
  var largestDivisor: Int {
    [8, 4, 2].first { rows.count >= height * $0 && columns.count >= width * $0 } ?? 1
  }

  /// The draw of torchvision's `RandomResizedCrop.get_params`: ten tries, then the largest allowed part
  /// at the centre.
  static func randomResized(
    _ shape: ImageShape, size: Int, area: ClosedRange<Double>, ratio: ClosedRange<Double>,
    from stream: inout CounterStream
  ) -> ResizedCrop {
    func uniform(_ range: ClosedRange<Double>) -> Double {
      range.lowerBound + (range.upperBound - range.lowerBound) * stream.nextUniform()
    }
    func crop(_ row: Int, _ column: Int, _ height: Int, _ width: Int) -> ResizedCrop {
      ResizedCrop(
        rows: row..<row + height, columns: column..<column + width, height: size, width: size,
        windowRows: 0..<size, windowColumns: 0..<size)
    }
    for _ in 0..<10 {
      let target = Double(shape.area) * uniform(area)
      let sides = exp(uniform(log(ratio.lowerBound)...log(ratio.upperBound)))
      let width = Int((target * sides).squareRoot().rounded(.toNearestOrEven))
      let height = Int((target / sides).squareRoot().rounded(.toNearestOrEven))
      guard (1...shape.width).contains(width), (1...shape.height).contains(height) else { continue }
      let row = stream.next(below: shape.height - height + 1)
      return crop(row, stream.next(below: shape.width - width + 1), height, width)
    }
    var (height, width) = (shape.height, shape.width)
    let sides = Double(width) / Double(height)
    if sides < ratio.lowerBound {
      height = Int((Double(width) / ratio.lowerBound).rounded(.toNearestOrEven))
    } else if sides > ratio.upperBound {
      width = Int((Double(height) * ratio.upperBound).rounded(.toNearestOrEven))
    }
    (height, width) = (max(height, 1), max(width, 1))
    return crop((shape.height - height) / 2, (shape.width - width) / 2, height, width)
  }

  /// The whole image with a shorter side of `shorterSide`, and a square of it.
  static func square(
    of shape: ImageShape, shorterSide: Int, size: Int, at position: ImageTransform.Position,
    from stream: inout CounterStream
  ) -> ResizedCrop {
    let resized = resizedShape(of: shape, shorterSide: shorterSide)
    let (down, right) = (resized.height - size, resized.width - size)
    // Halves are rounded to even, as in Python.
    func half(_ spare: Int) -> Int { Int((Double(spare) / 2).rounded(.toNearestOrEven)) }
    let (row, column) =
      switch position {
      case .random: (stream.next(below: down + 1), stream.next(below: right + 1))
      case .center: (half(down), half(right))
      case .centerOfMirrorImage: (half(down), right - half(right))
      case .topLeft: (0, 0)
      case .topRight: (0, right)
      case .bottomLeft: (down, 0)
      case .bottomRight: (down, right)
      }
    return ResizedCrop(
      rows: 0..<shape.height, columns: 0..<shape.width, height: resized.height,
      width: resized.width, windowRows: row..<row + size, windowColumns: column..<column + size)
  }

  /// The size of an image whose shorter side becomes `shorterSide`, as torchvision rounds it.
  static func resizedShape(of shape: ImageShape, shorterSide: Int) -> ImageShape {
    let (short, long) = (min(shape.height, shape.width), max(shape.height, shape.width))
    let longer = shorterSide * long / short
    return shape.height <= shape.width
      ? ImageShape(height: shorterSide, width: longer, channels: shape.channels)
      : ImageShape(height: longer, width: shorterSide, channels: shape.channels)
  }
}
