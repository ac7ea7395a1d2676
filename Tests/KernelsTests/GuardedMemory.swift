/// Memory that kernels read and write in tests: writes past its ends are noticed.

import Tensors
import TestSupport
import Testing

/// `count` elements between two strips of canary bytes.
///
/// Elements start at a cache line, as the plan's buffers do. The memory is not freed: nothing ties a
/// pointer's lifetime to its owner's, and the tests' process is short-lived.
struct GuardedMemory<Element: BitwiseCopyable> {
  let count: Int
  private let bytes: UnsafeMutableRawPointer
  private let strip = 256
  private let canary: UInt8 = 0xA5
  private var byteCount: Int { 2 * strip + count * MemoryLayout<Element>.stride }

  init(_ values: [Element]) {
    count = values.count
    bytes = .allocate(
      byteCount: 2 * strip + values.count * MemoryLayout<Element>.stride, alignment: 64)
    bytes.initializeMemory(as: UInt8.self, repeating: canary, count: byteCount)
    for (index, value) in values.enumerated() { pointer[index] = value }
  }

  init(repeating value: Element, count: Int) {
    self.init(Array(repeating: value, count: count))
  }

  /// All elements.
  var elements: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: pointer, count: count)
  }

  /// The elements as kernels read and write them.
  var view: VectorView<Element> { VectorView(mutableView) }
  var mutableView: MutableVectorView<Element> { MutableVectorView(elements) }

  var pointer: UnsafeMutablePointer<Element> {
    (bytes + strip).assumingMemoryBound(to: Element.self)
  }

  /// The elements; a test that reads them after a stray write fails.
  var values: [Element] {
    let all = UnsafeRawBufferPointer(start: bytes, count: byteCount)
    let intact =
      all.prefix(strip).allSatisfy { $0 == canary }
      && all.suffix(strip).allSatisfy { $0 == canary }
    if !intact { Issue.record("a kernel wrote outside of its output") }
    return Array(UnsafeBufferPointer(start: pointer, count: count))
  }
}

extension GuardedMemory<Float> {
  /// Reference numbers, rounded.
  init(_ values: [Double]) { self.init(values.map { Float($0) }) }

  /// The memory as activations.
  func tensor(images: Int, _ shape: ImageShape) -> ImageTensor {
    precondition(count == images * shape.count)
    return ImageTensor(base: pointer, images: images, shape: shape)
  }
}

/// Activations of either element type between strips of canary bytes.
enum GuardedImages {
  case float32(GuardedMemory<Float>)
  case bfloat16(GuardedMemory<BFloat16>)

  init(_ values: [Double], _ element: ElementType) {
    switch element {
    case .float32: self = .float32(GuardedMemory(values))
    case .bfloat16: self = .bfloat16(GuardedMemory(values.map { BFloat16(Float($0)) }))
    }
  }

  init(repeating value: Double, count: Int, _ element: ElementType) {
    self.init(Array(repeating: value, count: count), element)
  }

  func tensor(images: Int, _ shape: ImageShape) -> ImageTensor {
    switch self {
    case .float32(let memory): memory.tensor(images: images, shape)
    case .bfloat16(let memory):
      ImageTensor(base: memory.pointer, images: images, shape: shape)
    }
  }

  /// The elements; a test that reads them after a stray write fails.
  var values: [Float] {
    switch self {
    case .float32(let memory): memory.values
    case .bfloat16(let memory): memory.values.map { Float($0) }
    }
  }
}

extension ElementType {
  static let all = [ElementType.float32, .bfloat16]

  /// The nearest number of the type.
  func round(_ value: Double) -> Double {
    switch self {
    case .float32: Double(Float(value))
    case .bfloat16: Double(Float(BFloat16(Float(value))))
    }
  }
}

extension TestData {
  /// Normal numbers that Float32 holds exactly, so that both sides of a comparison get the same.
  mutating func normalFloats(
    count: Int, mean: Double = 0, deviation: Double = 1
  ) -> [Double] {
    normal(count: count, mean: mean, deviation: deviation).map { Double(Float($0)) }
  }

  /// Normal numbers that an element type holds exactly.
  mutating func normals(
    count: Int, deviation: Double = 1, _ element: ElementType
  ) -> [Double] {
    normal(count: count, deviation: deviation).map(element.round)
  }

  /// At most `limit` of `indices`, the first and the last among them: where differences are taken.
  mutating func someIndices(of count: Int, limit: Int = 48) -> [Int] {
    if count <= limit { return Array(0..<count) }
    return [0, count - 1] + (0..<limit - 2).map { _ in integer(in: 0...count - 1) }
  }
}

/// The largest difference in terms of the reference's largest value.
func normwiseError(_ result: [Float], _ reference: [Double]) -> Double {
  relativeError(result, reference, scale: reference.map(abs).max() ?? 1)
}

/// Σ a·b.
func dot(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count)
  return zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
}

extension ReferenceImages {
  init(images: Int, _ shape: ImageShape, _ values: [Double]) {
    self.init(
      images: images, height: shape.height, width: shape.width, channels: shape.channels,
      values: values)
  }
}
