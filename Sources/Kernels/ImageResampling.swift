/// Antialiased resampling of 8-bit RGB images, bit for bit as Pillow's `Image.resize`, which is torchvision's
/// `Resize` of a PIL image.

import Tensors

/// What an input's weight is by its distance from an output; wider where an image becomes smaller.
public enum ResamplingFilter: String, CaseIterable, Sendable {
  /// A triangle: Pillow's `BILINEAR`.
  case bilinear
  /// Keys 1981, eq. 4 with a = −1/2: Pillow's `BICUBIC`.
  case bicubic

  /// The distance from which on inputs have no weight, in inputs.
  fileprivate var radius: Double {
    switch self {
    case .bilinear: 1
    case .bicubic: 2
    }
  }

  /// - Parameter distance: 0 or more, in inputs.
  fileprivate func weight(_ distance: Double) -> Double {
    switch self {
    case .bilinear: return max(0, 1 - distance)
    case .bicubic:
      let a = -0.5
      if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
      if distance < 2 { return (((distance - 5) * distance + 8) * distance - 4) * a }
      return 0
    }
  }
}

/// How the outputs of one axis are weighted sums of its inputs, in fixed point with 22 fractional bits.
public struct ResamplingAxis: Sendable {
  static let fractionBits: Int32 = 22

  /// Outputs.
  public let count: Int
  /// The inputs that any output reads.
  public let inputs: Range<Int>
  /// Inputs of each output.
  let taps: Int
  /// [count], the first input of each output.
  let first: [Int]
  /// [count, taps].
  let weights: [Int32]

  /// - Parameters:
  ///   - input: the number of inputs.
  ///   - box: the range of inputs that is scaled to the outputs; a pixel is 1 wide.
  ///   - output: the number of outputs of the whole box.
  ///   - window: the outputs to compute.
  public init(
    input: Int, box: ClosedRange<Double>, output: Int, window: Range<Int>,
    filter: ResamplingFilter = .bilinear
  ) {
    require(input > 0, "an image without pixels cannot be resampled")
    require(
      !window.isEmpty && window.lowerBound >= 0 && window.upperBound <= output,
      "the window of a resampled image is not part of it")
    require(
      box.lowerBound >= 0 && box.lowerBound < box.upperBound && box.upperBound <= Double(input),
      "the box to be resampled is empty or not part of the image")
    let scale = (box.upperBound - box.lowerBound) / Double(output)
    let width = max(scale, 1)
    let support = filter.radius * width
    let taps = min(Int(support.rounded(.up)) * 2 + 1, input)
    var first: [Int] = []
    first.reserveCapacity(window.count)
    var weights = [Int32](repeating: 0, count: window.count * taps)
    var floats = [Double](repeating: 0, count: taps)
    for (row, output) in window.enumerated() {
      let center = box.lowerBound + (Double(output) + 0.5) * scale
      let low = max(Int(center - support + 0.5), 0)
      let high = min(Int(center + support + 0.5), input)
      var sum = 0.0
      for index in low..<high {
        floats[index - low] = filter.weight(abs((Double(index) - center + 0.5) * (1 / width)))
        sum += floats[index - low]
      }
      // Taps of weight zero after the last one must be inputs too.
      let start = min(low, input - taps)
      for index in low..<high where sum != 0 {
        let weight = floats[index - low] / sum * Double(1 << Self.fractionBits)
        weights[row * taps + index - start] = Int32(weight + (weight < 0 ? -0.5 : 0.5))
      }
      first.append(start)
    }
    (count, self.taps, self.first, self.weights) = (window.count, taps, first, weights)
    inputs = first.first!..<first.last! + taps
  }
}

/// The two passes, columns first.
public enum ImageResampling {
  /// Bytes after an image's end that the passes may read or write.
  public static let slack = 64

  /// Bytes that `resample` needs between the passes.
  public static func intermediateCount(columns: ResamplingAxis, rows: ResamplingAxis) -> Int {
    rows.inputs.count * columns.count * 3 + slack
  }

  /// Resamples an image.
  ///
  /// - Parameters:
  ///   - source: [rows, columns, 3] with `pitch` bytes from row to row and `slack` bytes after it.
  ///   - intermediate: `intermediateCount` bytes.
  ///   - target: [rows.count, columns.count, 3] with `slack` bytes after it; overwritten.
  public static func resample(
    _ source: VectorView<UInt8>, pitch: Int, columns: ResamplingAxis, rows: ResamplingAxis,
    intermediate: MutableVectorView<UInt8>, to target: MutableVectorView<UInt8>
  ) {
    require(
      columns.inputs.upperBound * 3 <= pitch, "the rows to be resampled are longer than the image's"
    )
    let width = columns.count * 3
    let sourceEnd = (rows.inputs.upperBound - 1) * pitch + columns.inputs.upperBound * 3
    require(
      sourceEnd + slack <= source.count
        && intermediateCount(columns: columns, rows: rows) <= intermediate.count
        && rows.count * width + slack <= target.count, "an image to be resampled has no room")
    let source = source.elements.baseAddress!
    let intermediate = intermediate.elements.baseAddress!
    let target = target.elements.baseAddress!
    columns.first.withUnsafeBufferPointer { first in
      columns.weights.withUnsafeBufferPointer { weights in
        for (index, row) in rows.inputs.enumerated() {
          resampleRow(
            source + row * pitch, first.baseAddress!, weights.baseAddress!, taps: columns.taps,
            count: columns.count, to: intermediate + index * width)
        }
      }
    }
    for row in 0..<rows.count {
      rows.weights.withUnsafeBufferPointer { weights in
        sumRows(
          intermediate + (rows.first[row] - rows.inputs.lowerBound) * width, width: width,
          weights.baseAddress! + row * rows.taps, taps: rows.taps, to: target + row * width)
      }
    }
  }

  /// A pixel is four bytes in a vector; the fourth, the next pixel's, is overwritten by it.
  private static func resampleRow(
    _ source: UnsafePointer<UInt8>, _ first: UnsafePointer<Int>, _ weights: UnsafePointer<Int32>,
    taps: Int, count: Int, to target: UnsafeMutablePointer<UInt8>
  ) {
    for pixel in 0..<count {
      var sum = SIMD4<Int32>(repeating: 1 << (ResamplingAxis.fractionBits - 1))
      let start = UnsafeRawPointer(source + first[pixel] * 3)
      let row = weights + pixel * taps
      for tap in 0..<taps {
        let bytes = start.loadUnaligned(fromByteOffset: tap * 3, as: SIMD4<UInt8>.self)
        sum &+= SIMD4<Int32>(truncatingIfNeeded: bytes) &* row[tap]
      }
      let shifted = (sum &>> ResamplingAxis.fractionBits).clamped(
        lowerBound: .zero, upperBound: SIMD4(repeating: 255))
      UnsafeMutableRawPointer(target + pixel * 3).storeBytes(
        of: SIMD4<UInt8>(truncatingIfNeeded: shifted), as: SIMD4<UInt8>.self)
    }
  }

  /// The bytes after the row's end are overwritten by the next row.
  private static func sumRows(
    _ source: UnsafePointer<UInt8>, width: Int, _ weights: UnsafePointer<Int32>, taps: Int,
    to target: UnsafeMutablePointer<UInt8>
  ) {
    for byte in stride(from: 0, to: width, by: 16) {
      var sum = SIMD16<Int32>(repeating: 1 << (ResamplingAxis.fractionBits - 1))
      let start = UnsafeRawPointer(source + byte)
      for tap in 0..<taps {
        let bytes = start.loadUnaligned(fromByteOffset: tap * width, as: SIMD16<UInt8>.self)
        sum &+= SIMD16<Int32>(truncatingIfNeeded: bytes) &* weights[tap]
      }
      let shifted = (sum &>> ResamplingAxis.fractionBits).clamped(
        lowerBound: .zero, upperBound: SIMD16(repeating: 255))
      UnsafeMutableRawPointer(target + byte).storeBytes(
        of: SIMD16<UInt8>(truncatingIfNeeded: shifted), as: SIMD16<UInt8>.self)
    }
  }
}
