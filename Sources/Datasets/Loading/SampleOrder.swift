/// The order in which samples are visited.

import Randomness
import Synchronization

/// Training is one endless stream: position p is sample `permutation(p / N)[p % N]`, so mini-batches
/// are always full, may span two epochs, and every image comes exactly once an epoch.
public enum SampleOrder: Equatable, Sendable {
  /// The images' own order, once.
  case sequential
  /// A new permutation each epoch, from (seed, epoch).
  case shuffled(seed: UInt64)
}

/// The stream positions of a rank's images of each mini-batch.
struct BatchPositions: Sendable {
  /// Of the source.
  let images: Int
  let order: SampleOrder
  /// Images of the global mini-batch.
  let batchSize: Int
  /// This rank's positions in each mini-batch.
  let localRange: Range<Int>

  /// Sequential ones end with the images.
  func positions(ofStep step: Int) -> Range<Int> {
    let start = step * batchSize
    let all = start + localRange.lowerBound..<start + localRange.upperBound
    return order == .sequential ? all.clamped(to: 0..<images) : all
  }
}

/// One permutation per epoch by Fisher and Yates.
public enum PermutationSampler {
  /// A permutation of 0..<count, a function of (seed, epoch, count).
  public static func permutation(seed: UInt64, epoch: Int, count: Int) -> [Int32] {
    var order = [Int32](unsafeUninitializedCapacity: count) { buffer, initialized in
      for index in 0..<count { buffer[index] = Int32(index) }
      initialized = count
    }
    var stream = CounterStream(seed: seed, purpose: .permutation, epoch: epoch, index: 0)
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, stream.next(below: last + 1))
    }
    return order
  }

  /// Samples that are in the buffer from which the next one is drawn.
  public static let bufferSize = 8192

  /// A permutation of the numbers of `runs`, a function of (seed, epoch, runs).
  ///
  /// One run is permuted whole. Of several, which are files read from front to back, the order is drawn
  /// first; then each sample is drawn from the next `bufferSize`, so that reading stays close to
  /// sequential: a shuffle of shards and a shuffle buffer, as in WebDataset.
  public static func permutation(seed: UInt64, epoch: Int, runs: [Range<Int>]) -> [Int32] {
    if runs.count == 1 { return permutation(seed: seed, epoch: epoch, count: runs[0].count) }
    let sequence = permutation(seed: seed, epoch: epoch, count: runs.count).flatMap { run in
      runs[Int(run)].map { Int32($0) }
    }
    var stream = CounterStream(seed: seed, purpose: .shuffleBuffer, epoch: epoch, index: 0)
    var buffer = Array(sequence.prefix(bufferSize))
    var order: [Int32] = []
    order.reserveCapacity(sequence.count)
    for next in sequence.dropFirst(bufferSize) {
      let place = stream.next(below: buffer.count)
      order.append(buffer[place])
      buffer[place] = next
    }
    while !buffer.isEmpty {
      buffer.swapAt(stream.next(below: buffer.count), buffer.count - 1)
      order.append(buffer.removeLast())
    }
    return order
  }
}

/// Which sample is at a position, for any thread.
final class SampleStream: Sendable {
  let order: SampleOrder
  private let runs: [Range<Int>]
  private let count: Int
  /// The last permutations, newest last; batches near an epoch's end need two.
  private let recent = Mutex<[(epoch: Int, permutation: [Int32])]>([])

  /// - Parameter runs: a source's `storageRuns`.
  init(_ order: SampleOrder, runs: [Range<Int>]) {
    self.order = order
    self.runs = runs
    count = runs.reduce(0) { $0 + $1.count }
  }

  /// The seed of augmentation.
  var seed: UInt64 {
    switch order {
    case .sequential: 0
    case .shuffled(let seed): seed
    }
  }

  /// Calls `body(offset in positions, epoch, sample index)` for each position in order.
  func forEach(
    _ positions: Range<Int>, _ body: (_ offset: Int, _ epoch: Int, _ index: Int) throws -> Void
  ) rethrows {
    guard case .shuffled(let seed) = order else {
      for position in positions { try body(position - positions.lowerBound, 0, position) }
      return
    }
    var position = positions.lowerBound
    while position < positions.upperBound {
      let epoch = position / count
      let permutation = permutation(seed, epoch)
      let end = min(positions.upperBound, (epoch + 1) * count)
      while position < end {
        let index = Int(permutation[position - epoch * count])
        try body(position - positions.lowerBound, epoch, index)
        position += 1
      }
    }
  }

  private func permutation(_ seed: UInt64, _ epoch: Int) -> [Int32] {
    recent.withLock { recent in
      if let known = recent.first(where: { $0.epoch == epoch }) { return known.permutation }
      let made = PermutationSampler.permutation(seed: seed, epoch: epoch, runs: runs)
      recent.append((epoch, made))
      if recent.count > 3 { recent.removeFirst() }
      return made
    }
  }
}
