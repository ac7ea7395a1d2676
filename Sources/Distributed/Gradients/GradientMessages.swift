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
  private var arriving: [(from: VectorView<BFloat16>, into: MutableVectorView<Float>)] = []

  /// - Parameter capacity: floats that are under way at once.
  init(_ communicator: Communicator, _ compression: GradientCompression, capacity: Int) {
    self.communicator = communicator
    self.compression = compression
    staging = AlignedBuffer(count: compression == .none ? 0 : capacity)
  }

  /// Bytes of `count` floats on the network.
  func bytes(_ count: Int) -> Int { count * compression.bytesPerGradient }

  private func stage(_ count: Int) -> MutableVectorView<BFloat16> {
    defer { used += count }
    precondition(used + count <= staging.count, "more floats are under way than planned")
    return staging.view[used..<used + count]
  }

  func send(_ values: VectorView<Float>, to rank: Int, tag: Int) throws {
    switch compression {
    case .none:
      requests.insert(try communicator.iSend(values.elements, to: rank, tag: tag))
    case .bf16:
      let halves = stage(values.count)
      BFloat16.round(values, into: halves)
      requests.insert(try communicator.iSend(VectorView(halves).bytes.elements, to: rank, tag: tag))
    }
  }

  func receive(into values: MutableVectorView<Float>, from rank: Int, tag: Int) throws {
    switch compression {
    case .none:
      requests.insert(try communicator.iReceive(into: values.elements, from: rank, tag: tag))
    case .bf16:
      let halves = stage(values.count)
      arriving.append((VectorView(halves), values))
      requests.insert(
        try communicator.iReceive(into: halves.bytes.elements, from: rank, tag: tag))
    }
  }

  /// Rounds what this host keeps as the other hosts receive it.
  func round(_ values: MutableVectorView<Float>) {
    if compression == .none { return }
    let first = used
    let halves = stage(values.count)
    BFloat16.round(VectorView(values), into: halves)
    BFloat16.widen(VectorView(halves), into: values)
    used = first
  }

  /// Whether all messages have come and gone; never waits.
  func testAll() throws -> Bool {
    guard try requests.testAll() else { return false }
    for message in arriving { BFloat16.widen(message.from, into: message.into) }
    arriving.removeAll(keepingCapacity: true)
    used = 0
    return true
  }
}
