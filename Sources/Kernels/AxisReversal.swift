/// Copies an array with its axes in reverse order: parameters lie in memory as [positions, inputs, outputs],
/// and in PyTorch's files as [outputs, inputs, positions].

import Tensors

public enum AxisReversal {
  /// Four rows of a block.
  private typealias Row = SIMD4<Float>

  /// target[k, j, i] = source[i, j, k].
  ///
  /// Works in blocks of 16 × 16 elements, so that both arrays are read and written in whole cache lines.
  ///
  /// - Parameters:
  ///   - source: [first, second, third].
  ///   - target: [third, second, first], other memory.
  public static func copy(
    _ source: VectorView<Float>, first: Int, second: Int, third: Int,
    to target: MutableVectorView<Float>
  ) {
    require(
      source.count == first * second * third && target.count == source.count,
      "an array has as many elements as its axes say")
    guard let from = source.elements.baseAddress, let to = target.elements.baseAddress else {
      return
    }
    // A row of the target, with the source's first two axes, in reverse.
    let columns = second * first
    var block = InlineArray<16, Vector>(repeating: .zero)
    for row in stride(from: 0, to: third, by: Vector.lanes) {
      var (i, j) = (0, 0)
      for column in stride(from: 0, to: columns, by: Vector.lanes) {
        let height = min(Vector.lanes, third - row)
        let width = min(Vector.lanes, columns - column)
        for index in 0..<width {
          let line = from + (i * second + j) * third + row
          if height == Vector.lanes {
            block[index] = line.vector(at: 0)
          } else {
            for lane in 0..<height { block[index][lane] = line[lane] }
          }
          i += 1
          if i == first { (i, j) = (0, j + 1) }
        }
        let corner = to + row * columns + column
        if height == Vector.lanes, width == Vector.lanes {
          transpose(block, to: corner, stride: columns)
        } else {
          for lane in 0..<height {
            for index in 0..<width { corner[lane * columns + index] = block[index][lane] }
          }
        }
      }
    }
  }

  /// Writes a block's columns as rows, from 4 × 4 elements at a time.
  ///
  /// - Parameter stride: elements between rows of the target.
  @inline(__always)
  private static func transpose(
    _ block: InlineArray<16, Vector>, to target: UnsafeMutablePointer<Float>, stride: Int
  ) {
    block.span.withUnsafeBytes { bytes in
      for lane in Swift.stride(from: 0, to: Vector.lanes, by: 4) {
        for index in Swift.stride(from: 0, to: Vector.lanes, by: 4) {
          func row(_ offset: Int) -> Row {
            bytes.load(
              fromByteOffset: ((index + offset) * Vector.lanes + lane) * MemoryLayout<Float>.stride,
              as: Row.self)
          }
          let (a, b, c, d) = (row(0), row(1), row(2), row(3))
          for offset in 0..<4 {
            UnsafeMutableRawPointer(target + (lane + offset) * stride + index)
              .storeBytes(of: Row(a[offset], b[offset], c[offset], d[offset]), as: Row.self)
          }
        }
      }
    }
  }
}
