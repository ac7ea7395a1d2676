/// The messages of one bucket's exchange between hosts, as they are or compressed.

import Kernels
import MPI
import Tensors

/// How gradients travel between hosts (`--gradient-compression`).
package enum GradientCompression: String, CaseIterable, Sendable {
  /// As 32-bit floats.
  case none
  /// Rounded to bfloat16: half of the bytes, 8 bits of precision.
  case bf16

  /// Bytes of a gradient on its way.
  package var bytesPerGradient: Int { self == .none ? 4 : 2 }
}

/// Sends and receives floats; received ones are valid once `testAll` has returned true.
final class GradientMessages {
  private let communicator: Communicator
  private let compression: GradientCompression
  private var requests = RequestSet()
  /// Compressed floats under way.
  private let staging: AlignedBuffer<BFloat16>
  private var used = 0
  private var arriving:
    [(from: UnsafePointer<BFloat16>, into: UnsafeMutablePointer<Float>, count: Int)] = []

  /// - Parameter capacity: floats that are under way at once.
  init(_ communicator: Communicator, _ compression: GradientCompression, capacity: Int) {
    self.communicator = communicator
    self.compression = compression
    staging = AlignedBuffer(count: compression == .none ? 0 : capacity)
  }

  /// Bytes of `count` floats on the network.
  func bytes(_ count: Int) -> Int { count * compression.bytesPerGradient }

  private func stage(_ count: Int) -> UnsafeMutablePointer<BFloat16> {
    defer { used += count }
    precondition(used + count <= staging.count, "more floats are under way than planned")
    return staging.pointer + used
  }

  func send(_ values: UnsafePointer<Float>, count: Int, to rank: Int, tag: Int) throws {
    switch compression {
    case .none:
      requests.insert(
        try communicator.iSend(
          UnsafeBufferPointer(start: values, count: count), to: rank, tag: tag))
    case .bf16:
      let halves = stage(count)
      BFloat16.round(values, into: halves, count: count)
      let bytes = UnsafeRawBufferPointer(start: halves, count: 2 * count)
      requests.insert(
        try communicator.iSend(bytes.bindMemory(to: UInt8.self), to: rank, tag: tag))
    }
  }

  func receive(
    into values: UnsafeMutablePointer<Float>, count: Int, from rank: Int, tag: Int
  ) throws {
    switch compression {
    case .none:
      requests.insert(
        try communicator.iReceive(
          into: UnsafeMutableBufferPointer(start: values, count: count), from: rank, tag: tag))
    case .bf16:
      let halves = stage(count)
      arriving.append((UnsafePointer(halves), values, count))
      let bytes = UnsafeMutableRawBufferPointer(start: halves, count: 2 * count)
      requests.insert(
        try communicator.iReceive(into: bytes.bindMemory(to: UInt8.self), from: rank, tag: tag))
    }
  }

  /// Rounds what this host keeps as the other hosts receive it.
  func round(_ values: UnsafeMutablePointer<Float>, count: Int) {
    if compression == .none { return }
    let first = used
    let halves = stage(count)
    BFloat16.round(values, into: halves, count: count)
    BFloat16.widen(halves, into: values, count: count)
    used = first
  }

  /// Whether all messages have come and gone; never waits.
  func testAll() throws -> Bool {
    guard try requests.testAll() else { return false }
    for message in arriving {
      BFloat16.widen(message.from, into: message.into, count: message.count)
    }
    arriving.removeAll(keepingCapacity: true)
    used = 0
    return true
  }
}
