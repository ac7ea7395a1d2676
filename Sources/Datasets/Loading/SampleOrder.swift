/// The order in which samples are visited.

import Randomness
import Synchronization

/// Training is one endless stream: position p is sample `permutation(p / N)[p % N]`, so mini-batches
/// are always full, may span two epochs, and every image comes exactly once an epoch.
public enum SampleOrder: Equatable, Sendable {
  /// The images' own order, once.
  case sequential
  /// A new permutation each epoch, from (seed, epoch).
  case shuffled(seed: UInt64, repetition: SampleRepetition = .none)
}

/// Repeated augmentation (Hoffer et al. 2019, arXiv 1901.09335; Berman et al. 2019, arXiv 1902.05509) as
/// torchvision's `RASampler` does it, seen over all its ranks.
///
/// Each sample of an epoch's permutation comes `count` times, with draws of its own each time. An epoch has
/// as many positions as there are samples, so of every `count` samples it shows one. A mini-batch is divided
/// into `groups` as torchvision's is into GPUs, which take the stream's positions in turn: a sample's
/// repeats are in different groups.
public struct SampleRepetition: Hashable, Sendable {
  /// 1: samples come once.
  public let count: Int
  public let groups: Int

  public static let none = SampleRepetition(count: 1, groups: 1)

  /// - Precondition: both are positive.
  public init(count: Int, groups: Int) {
    precondition(count > 0 && groups > 0)
    (self.count, self.groups) = (count, groups)
  }

  /// The stream's position whose sample is at a place of a mini-batch.
  ///
  /// - Parameters:
  ///   - place: counted from the run's first mini-batch.
  ///   - miniBatch: its images. Where the groups do not divide them, the first have one more.
  func position(ofPlace place: Int, miniBatch: Int) -> Int {
    if groups == 1 { return place }
    let (number, own) = place.quotientAndRemainder(dividingBy: miniBatch)
    let (size, larger) = miniBatch.quotientAndRemainder(dividingBy: groups)
    let inLarger = larger * (size + 1)
    let (group, index) =
      own < inLarger
      ? own.quotientAndRemainder(dividingBy: size + 1)
      : (own - inLarger).quotientAndRemainder(dividingBy: size)
    let first = own < inLarger ? group : larger + group
    return number * miniBatch + index * groups + first
  }
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
  private let miniBatch: Int
  /// The last permutations, newest last; batches near an epoch's end need two.
  private let recent = Mutex<[(epoch: Int, permutation: [Int32])]>([])

  /// - Parameters:
  ///   - runs: a source's `storageRuns`.
  ///   - miniBatch: images of the mini-batches that samples are repeated in.
  init(_ order: SampleOrder, runs: [Range<Int>], miniBatch: Int) {
    self.order = order
    self.miniBatch = miniBatch
    self.runs = runs
    count = runs.reduce(0) { $0 + $1.count }
  }

  /// The seed of augmentation.
  var seed: UInt64 {
    switch order {
    case .sequential: 0
    case .shuffled(let seed, _): seed
    }
  }

  /// Calls `body(offset in positions, number of draws, sample index)` for each position in order.
  ///
  /// The number keys a sample's random draws: no two of its visits have the same. Without repeats it is
  /// the epoch.
  func forEach(
    _ positions: Range<Int>, _ body: (_ offset: Int, _ draws: Int, _ index: Int) throws -> Void
  ) rethrows {
    guard case .shuffled(let seed, let repetition) = order else {
      for position in positions { try body(position - positions.lowerBound, 0, position) }
      return
    }
    var known: (epoch: Int, permutation: [Int32])?
    for place in positions {
      let position = repetition.position(ofPlace: place, miniBatch: miniBatch)
      let (epoch, own) = position.quotientAndRemainder(dividingBy: count)
      if known?.epoch != epoch { known = (epoch, permutation(seed, epoch)) }
      let (sample, visit) = own.quotientAndRemainder(dividingBy: repetition.count)
      try body(
        place - positions.lowerBound, epoch * repetition.count + visit,
        Int(known!.permutation[sample]))
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
