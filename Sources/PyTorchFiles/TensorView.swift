/// Tensors as windows on storages.

import Tensors

/// A tensor's memory, by its key in the file.
struct StorageReference: Hashable {
  let key: String
  let type: ElementType
  /// Elements.
  let count: Int
}

/// The part of a storage that a tensor may use; old files can say that a storage is a part of another.
struct StorageWindow {
  let storage: StorageReference
  /// In elements.
  let range: Range<Int>

  /// The whole storage.
  init(_ storage: StorageReference) {
    self.storage = storage
    range = 0..<storage.count
  }

  /// - Returns: nil where the part leaves the storage.
  init?(_ storage: StorageReference, offset: Int, count: Int) {
    guard offset >= 0, count >= 0, offset <= storage.count, count <= storage.count - offset else {
      return nil
    }
    self.storage = storage
    range = offset..<offset + count
  }
}

/// A tensor's elements in a storage.
struct TensorView {
  let storage: StorageReference
  /// From the storage's begin, in elements, like the strides.
  let offset: Int
  let shape: [Int]
  let strides: [Int]
  let count: Int

  /// PyTorch allows 64; no network here has more than 4.
  static let maximumRank = 8

  /// - Parameter offset: from the window's begin.
  /// - Returns: nil unless there are as many strides as dimensions, all elements lie in the window
  ///   and there are no more of them than it has.
  init?(_ window: StorageWindow, offset: Int, shape: [Int], strides: [Int]) {
    let (begin, isFar) = window.range.lowerBound.addingReportingOverflow(offset)
    guard shape.count == strides.count, shape.count <= Self.maximumRank, offset >= 0, !isFar else {
      return nil
    }
    var count = 1
    var last = begin
    for (size, stride) in zip(shape, strides) {
      guard size >= 0, stride >= 0 else { return nil }
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      let (reach, far) = max(size - 1, 0).multipliedReportingOverflow(by: stride)
      let (end, farther) = last.addingReportingOverflow(reach)
      if overflow || far || farther { return nil }
      (count, last) = (product, end)
    }
    guard count <= window.range.count, count == 0 || last < window.range.upperBound else {
      return nil
    }
    storage = window.storage
    self.offset = begin
    self.shape = shape
    self.strides = strides
    self.count = count
  }

  /// The values as Float32, row-major.
  ///
  /// - Parameter bytes: the whole storage's, of a floating-point type.
  func float32(_ bytes: [UInt8]) -> [Float] {
    bytes.withUnsafeBytes { bytes in
      func load<Bits: BitwiseCopyable>(_ element: Int) -> Bits {
        bytes.loadUnaligned(fromByteOffset: element * storage.type.byteCount, as: Bits.self)
      }
      return switch storage.type {
      case .float64: map { Float(load($0) as Double) }
      case .float32: map { load($0) as Float }
      case .float16: map { Float(load($0) as Float16) }
      case .bfloat16: map { Float(load($0) as BFloat16) }
      default: preconditionFailure("\(storage.type) is not a floating-point type")
      }
    }
  }

  /// One result for each element's place in the storage, row-major.
  private func map(_ value: (_ element: Int) -> Float) -> [Float] {
    var values: [Float] = []
    values.reserveCapacity(count)
    if count == 0 { return values }
    var indices = Array(repeating: 0, count: shape.count)
    var element = offset
    while true {
      values.append(value(element))
      // As an odometer: the last dimension turns fastest. The stride of a dimension of size 1 may be
      // anything; what wraps around comes back.
      var dimension = shape.count - 1
      while dimension >= 0 {
        indices[dimension] += 1
        element &+= strides[dimension]
        if indices[dimension] < shape[dimension] { break }
        element &-= strides[dimension] &* shape[dimension]
        indices[dimension] = 0
        dimension -= 1
      }
      if dimension < 0 { return values }
    }
  }
}
