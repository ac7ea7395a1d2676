/// Products in the order of AMX's tiles against Intel's definition, on vectors and on emulated tiles.

import Kernels
import TestSupport
import Tensors
import Testing

#if arch(x86_64)
  import EmulatedTiles
#endif

extension Float {
  /// Subnormal numbers as zeros.
  var flushed: Float { isSubnormal ? Float(signOf: self, magnitudeOf: 0) : self }
}

/// Emulated tiles are one for all tests.
@Suite(.serialized) struct TileProductTests {
  /// sum + a group of sixteen pairs, of which missing ones are zeros (Intel 64 and IA-32 Architectures Software
  /// Developer's Manual, volume 2, TDPBF16PS).
  private static func sum(_ sum: Float, _ a: some Sequence<Float>, _ b: some Sequence<Float>)
    -> Float
  {
    var chains: [Float] = [0, 0]
    var count = 0
    for (a, b) in zip(a, b) {
      chains[count % 2] = chains[count % 2].addingProduct(a.flushed, b.flushed).flushed
      count += 1
    }
    if count < 32 { chains = chains.map { $0 + 0 } }
    return (sum.flushed + (chains[0] + chains[1]).flushed).flushed
  }

  /// A 1×1 convolution of one image of `pixels`.
  private static func pointwise(
    _ inputs: Int, _ outputs: Int, pixels: Int
  ) throws -> ConvolutionGeometry {
    try #require(
      ConvolutionGeometry(
        input: ImageShape(height: 1, width: pixels, channels: inputs), kernelHeight: 1,
        kernelWidth: 1, outputChannels: outputs, stride: 1, padding: 0))
  }

  /// Numbers of bfloat16 around `deviation`.
  private static func numbers(_ data: inout TestData, _ count: Int, deviation: Double) -> [Float] {
    data.normal(count: count).map { Float(ElementType.bfloat16.round($0 * deviation)) }
  }

  @Test(
    "outputs have the instruction's bits, also of subnormal numbers and of depths that are no groups",
    arguments: [48, 544, 1064], [1, 0x1p-62, 0x1p-64, 0x1p-126])
  func products(depth: Int, deviation: Double) throws {
    var data = TestData(seed: 1)
    let (rows, columns) = (39, 80)
    let geometry = try Self.pointwise(depth, columns, pixels: rows)
    let algorithm = geometry.algorithm(for: .bfloat16Tiles)
    #expect(algorithm.name == "1×1 GEMM in tiles")
    let a = Self.numbers(&data, rows * depth, deviation: deviation)
    let b = Self.numbers(
      &data, depth * columns, deviation: deviation < 0x1p-100 ? 0x1p10 : deviation)
    let prepared = GuardedMemory<Float>(repeating: .nan, count: algorithm.preparedWeightCount)
    algorithm.prepareForward(GuardedMemory<Float>(b).pointer, into: prepared.pointer)
    let y = GuardedImages(repeating: .nan, count: rows * columns, .bfloat16)
    algorithm.forward(
      input: GuardedImages(a.map { Double($0) }, .bfloat16).tensor(images: 1, geometry.input),
      weights: prepared.pointer, output: y.tensor(images: 1, geometry.output),
      scratch: GuardedMemory<Float>(repeating: .nan, count: 16).pointer)
    let expected = (0..<rows * columns).map { index in
      let (row, column) = index.quotientAndRemainder(dividingBy: columns)
      let sum = stride(from: 0, to: depth, by: 32).reduce(Float(0)) { sum, first in
        let group = first..<min(first + 32, depth)
        return Self.sum(
          sum, group.map { a[row * depth + $0] }, group.map { b[$0 * columns + column] })
      }
      return Float(BFloat16(sum.flushed))
    }
    let isEqual = y.values.map(\.bitPattern) == expected.map(\.bitPattern)
    #expect(isEqual, "\(data)")
  }

  @Test("a weight gradient's groups are pairs of pixels and begin with each block")
  func weightGradient() throws {
    var data = TestData(seed: 2)
    let (inputs, outputs, pixels) = (48, 16, 75)
    let geometry = try Self.pointwise(inputs, outputs, pixels: pixels)
    let algorithm = geometry.algorithm(for: .bfloat16Tiles)
    let x = Self.numbers(&data, pixels * inputs, deviation: 1)
    let dy = Self.numbers(&data, pixels * outputs, deviation: 1)
    let gradient = GuardedMemory<Float>(repeating: .nan, count: inputs * outputs)
    algorithm.addWeightGradient(
      input: GuardedImages(x.map { Double($0) }, .bfloat16).tensor(images: 1, geometry.input),
      outputGradient: GuardedImages(dy.map { Double($0) }, .bfloat16).tensor(
        images: 1, geometry.output),
      into: gradient.pointer, isFirst: true, isLast: true,
      scratch: GuardedMemory<Float>(
        repeating: .nan, count: algorithm.weightScratchCount(images: 1)
      ).pointer)
    let expected = (0..<inputs * outputs).map { index in
      let (input, output) = index.quotientAndRemainder(dividingBy: outputs)
      return stride(from: 0, to: pixels, by: 32).reduce(Float(0)) { sum, first in
        let group = first..<min(first + 32, pixels)
        return Self.sum(
          sum, group.map { x[$0 * inputs + input] }, group.map { dy[$0 * outputs + output] })
      }
    }
    let isEqual = gradient.values.map(\.bitPattern) == expected.map(\.bitPattern)
    #expect(isEqual, "\(data)")
  }

  #if arch(x86_64)
    /// One call for the processor's tiles, on emulated ones.
    private struct Block {
      var rows: Int
      var columns: Int
      var groups: Int
      var begins: Bool
      let aStride: Int
      let bStride = 40
      let a: [UInt32]
      let b: [UInt32]
      let initial: [Float]

      init(_ data: inout TestData, rows: Int, columns: Int, groups: Int, begins: Bool) {
        (self.rows, self.columns, self.groups, self.begins) = (rows, columns, groups, begins)
        aStride = groups * 16 + 3
        func pairs(_ count: Int) -> [UInt32] {
          let values = TileProductTests.numbers(&data, 2 * count, deviation: 0x1p-60)
          return (0..<count).map {
            UInt32(BFloat16(values[2 * $0]).bitPattern)
              | UInt32(BFloat16(values[2 * $0 + 1]).bitPattern) << 16
          }
        }
        a = pairs(32 * aStride)
        b = pairs(groups * 16 * bStride)
        initial = data.normal(count: 32 * 32).map { Float($0 * 0x1p-120) }
      }

      /// Nil where the result is not to be trusted.
      func run() -> [Float]? {
        var result = [Float](repeating: .nan, count: 32 * 32)
        let isTrusted = initial.withUnsafeBufferPointer {
          emulated_add_tile_products(
            begins ? $0.baseAddress : nil, &result, a, aStride * 4, b, bStride * 4,
            Int32(groups), Int32(rows), columns == 32)
        }
        emulated_release_tiles()
        return isTrusted ? result : nil
      }

      func expected(_ row: Int, _ column: Int) -> Float {
        func elements(_ pair: UInt32) -> [Float] {
          [Float(bitPattern: pair << 16), Float(bitPattern: pair & 0xffff_0000)]
        }
        return (0..<groups).reduce(begins ? initial[row * 32 + column] : 0) { sum, group in
          let steps = group * 16..<group * 16 + 16
          return TileProductTests.sum(
            sum, steps.flatMap { elements(a[row * aStride + $0]) },
            steps.flatMap { elements(b[$0 * bStride + column]) })
        }
      }
    }

    @Test("the processor's tiles are configured, loaded and multiplied as the manual says")
    func tiles() throws {
      var data = TestData(seed: 3)
      for (rows, columns) in [(32, 32), (32, 16), (17, 32), (16, 32), (16, 16), (5, 32), (1, 16)] {
        for begins in [false, true] {
          let block = Block(&data, rows: rows, columns: columns, groups: 3, begins: begins)
          let result = try #require(block.run())
          let isEqual = (0..<rows * columns).allSatisfy {
            let (row, column) = $0.quotientAndRemainder(dividingBy: columns)
            return result[row * 32 + column].bitPattern == block.expected(row, column).bitPattern
          }
          #expect(isEqual, "\(rows) × \(columns), \(data)")
        }
      }
      #expect(tile_exceptions() == 0)
    }

    @Test("sums that lost their tiles are computed once more, and given up in the end")
    func lostTiles() throws {
      var data = TestData(seed: 4)
      let block = Block(&data, rows: 32, columns: 32, groups: 4, begins: true)
      let right = try #require(block.run())
      for losses in 1...3 {
        lose_tiles(Int32(losses))
        let equal = try #require(block.run()).elementsEqual(right) {
          $0.bitPattern == $1.bitPattern
        }
        #expect(equal, "\(losses) losses")
      }
      lose_tiles(100)
      #expect(block.run() == nil)
      lose_tiles(0)
      #expect(tile_exceptions() == 0)
    }
  #endif
}
