/// The prefetching loader: worker threads fill the next mini-batches while the kernels work.

import System
import SystemPackage
import Tensors

/// One rank's images of one mini-batch, valid while the closure that got it runs.
public struct Batch {
  /// [count, H, W, C], normalized, 64-byte aligned.
  public let pixels: ImageTensor
  /// Of the same images, in the order of the loader's layouts.
  public let targets: Targets
  /// Images of this rank.
  public var count: Int { pixels.images }
}

/// Hands out this rank's part of each mini-batch in order, prepared ahead by worker threads.
///
/// Buffers are a ring made at the start: a step allocates nothing. An image's bytes and augmentation
/// depend on its position in the stream alone, so neither workers nor ranks change a batch.
public final class BatchLoader {
  private let shared: LoaderState
  private var workers: [WorkerThread] = []

  /// Seconds that `withNext` has waited for images so far.
  public private(set) var secondsWaited = 0.0

  /// Starts loading.
  ///
  /// - Parameters:
  ///   - batchSize: images of the global mini-batch.
  ///   - localRange: this rank's positions in each mini-batch.
  ///   - steps: which mini-batches to hand out; sequential ones end with the images, the last may be
  ///     short.
  ///   - transform: makes images the network's input; its random draws are keyed by the order's seed.
  ///   - targets: what to deliver for each image, of the source's layouts.
  ///   - badImages: what becomes of images that cannot be read or decoded.
  ///   - workers: threads that prepare images.
  ///   - depth: mini-batches prepared ahead, the current one included.
  public init(
    source: any ImageSource, normalization: Normalization, transform: ImageTransform,
    order: SampleOrder, batchSize: Int, localRange: Range<Int>, steps: Range<Int>,
    targets: [TargetLayout] = [.label], badImages: BadImagePolicy = .fail, workers: Int = 1,
    depth: Int = defaultDepth
  ) {
    precondition(batchSize >= 1 && workers >= 1 && depth >= 2, "a loader needs room to work ahead")
    precondition(localRange.lowerBound >= 0 && localRange.upperBound <= batchSize)
    precondition(targets.allSatisfy(source.targetLayouts.contains), "targets of the source")
    shared = LoaderState(
      filler: BatchFiller(
        preparation: SamplePreparation(source, transform, normalization),
        stream: SampleStream(order, runs: source.storageRuns), targets: targets,
        badImages: badImages, batchSize: batchSize, localRange: localRange),
      steps: steps, depth: depth)
    for _ in 0..<workers {
      do throws(Errno) {
        self.workers.append(try WorkerThread { [shared] in shared.work() })
      } catch { fatalError("cannot start a loader thread: \(error)") }
    }
  }

  /// Bytes of a loader's buffers.
  ///
  /// - Parameters:
  ///   - images: of this rank in a mini-batch.
  ///   - shape: of an image.
  ///   - targets: what it delivers for each image.
  public static func bytes(
    images: Int, shape: ImageShape, targets: [TargetLayout] = [.label], depth: Int = defaultDepth
  ) -> Int {
    depth * images
      * targets.reduce(shape.count * MemoryLayout<Float>.stride) { $0 + $1.byteCount }
  }

  /// Mini-batches prepared ahead.
  public static let defaultDepth = 3

  deinit {
    shared.stop()
    for worker in workers { worker.join() }
  }

  /// Waits for the next mini-batch and calls `body` with it; nil after the last.
  ///
  /// - Throws: what reading one of its images threw, or what `body` throws.
  public func withNext<Result>(_ body: (Batch) throws -> Result) throws -> Result? {
    let start = ContinuousClock.now
    guard let batch = try shared.takeNext() else { return nil }
    secondsWaited += (ContinuousClock.now - start) / .seconds(1)
    defer { shared.giveBack() }
    return try body(batch)
  }

  /// The bad images of the batches given back since the last call, in the batches' order.
  public func takeBadImages() -> [BadImage] { shared.takeBadImages() }
}

/// Fills images of a mini-batch; pure in its arguments, used by all workers at once.
private struct BatchFiller: Sendable {
  let preparation: SamplePreparation
  let stream: SampleStream
  let targets: [TargetLayout]
  let badImages: BadImagePolicy
  let batchSize: Int
  let localRange: Range<Int>

  /// The stream positions of this rank's images of mini-batch `step`.
  func positions(ofStep step: Int) -> Range<Int> {
    let start = step * batchSize
    let all = start + localRange.lowerBound..<start + localRange.upperBound
    return stream.order == .sequential ? all.clamped(to: 0..<max(preparation.source.count, 0)) : all
  }

  /// Fills images `part` of the positions' images.
  ///
  /// - Returns: those that others took the place of, with their number in the batch.
  func fill(
    _ positions: Range<Int>, part: Range<Int>, pixels: MutableVectorView<Float>,
    targets blocks: [MutableVectorView<UInt8>], scratch: inout SamplePreparation.Scratch
  ) throws -> [(image: Int, bad: BadImage)] {
    let first = positions.lowerBound + part.lowerBound
    let size = preparation.output.count
    var replaced: [(image: Int, bad: BadImage)] = []
    try stream.forEach(first..<first + part.count) { offset, epoch, index in
      let image = part.lowerBound + offset
      func prepare(_ index: Int) throws {
        try preparation.prepare(
          index, seed: stream.seed, epoch: epoch, scratch: &scratch,
          to: pixels.row(image, width: size))
        for (layout, block) in zip(targets, blocks) {
          var target = TargetSpace(layout, in: block.row(image, width: layout.byteCount))
          preparation.source.writeTarget(of: index, to: &target)
        }
      }
      do { try prepare(index) } catch let error as DatasetError where badImages == .skip {
        replaced.append((image, BadImage(reason: error.description)))
        let others = Replacements(
          of: index, seed: stream.seed, epoch: epoch, count: preparation.source.count)
        for other in others where (try? prepare(other)) != nil { return }
        throw error
      }
    }
    return replaced
  }
}

/// What a loader and its workers share; everything that changes is read and written under `lock`.
private final class LoaderState: @unchecked Sendable {
  /// Images that a worker takes at once: enough to be worth a lock, few enough to share a batch.
  private let imagesPerTask: Int

  private let filler: BatchFiller
  private let steps: Range<Int>
  private let depth: Int
  private let imagesPerBatch: Int
  private let pixels: AlignedBuffer<Float>
  /// [depth, images, bytes] of each target layout, one after the other.
  private let targetMemory: AlignedBuffer<UInt8>
  /// The blocks of each slot of the ring.
  private let targetBlocks: [[MutableVectorView<UInt8>]]
  private let targets: [Targets]
  private let lock = Lock()
  private let changed = Condition()

  /// The step and first image of the next task.
  private var nextStep: Int
  private var nextImage = 0
  /// The step that `takeNext` hands out next.
  private var current: Int
  /// Images still missing in each slot of the ring.
  private var missing: [Int]
  private var failure: [(image: Int, error: any Error)?]
  /// Bad images of each slot of the ring, and of the batches given back.
  private var replaced: [[(image: Int, bad: BadImage)]]
  private var badImages: [BadImage] = []
  private var isStopping = false

  init(filler: BatchFiller, steps: Range<Int>, depth: Int) {
    self.filler = filler
    self.steps = steps
    self.depth = depth
    imagesPerBatch = filler.localRange.count
    imagesPerTask = filler.preparation.output.area > 1 << 14 ? 1 : 16
    pixels = AlignedBuffer(count: depth * imagesPerBatch * filler.preparation.output.count)
    let images = imagesPerBatch
    let sizes = filler.targets.map { images * $0.byteCount }
    let memory = AlignedBuffer<UInt8>(count: depth * sizes.reduce(0, +))
    var blocks: [[MutableVectorView<UInt8>]] = Array(repeating: [], count: depth)
    var offset = 0
    for size in sizes {
      for slot in 0..<depth {
        blocks[slot].append(memory.view[offset..<offset + size])
        offset += size
      }
    }
    targetBlocks = blocks
    targets = blocks.map { Targets($0.map { VectorView($0) }) }
    targetMemory = memory
    nextStep = steps.lowerBound
    current = steps.lowerBound
    missing = Array(repeating: 0, count: depth)
    failure = Array(repeating: nil, count: depth)
    replaced = Array(repeating: [], count: depth)
    for slot in 0..<depth {
      let step = steps.lowerBound + slot
      missing[step % depth] = filler.positions(ofStep: step).count
    }
  }

  func takeNext() throws -> Batch? {
    lock.lock()
    defer { lock.unlock() }
    guard current < steps.upperBound else { return nil }
    let slot = current % depth
    // All of the batch, so that which of several errors is thrown depends on the images alone.
    while missing[slot] > 0 { changed.wait(lock) }
    if let failure = failure[slot] { throw failure.error }
    return Batch(
      pixels: ImageTensor(
        base: slotPixels(slot).elements.baseAddress!,
        images: filler.positions(ofStep: current).count, shape: filler.preparation.output),
      targets: targets[slot])
  }

  /// The batch taken last may be overwritten.
  func giveBack() {
    lock.lock()
    let slot = current % depth
    badImages += replaced[slot].sorted { $0.image < $1.image }.map(\.bad)
    replaced[slot] = []
    missing[slot] = filler.positions(ofStep: current + depth).count
    current += 1
    changed.broadcast()
    lock.unlock()
  }

  func takeBadImages() -> [BadImage] {
    lock.lock()
    defer { lock.unlock() }
    defer { badImages = [] }
    return badImages
  }

  func stop() {
    lock.lock()
    isStopping = true
    changed.broadcast()
    lock.unlock()
  }

  /// A worker's life: takes tasks until the loader stops.
  func work() {
    var scratch = SamplePreparation.Scratch()
    lock.lock()
    while !isStopping {
      guard nextStep < min(current + depth, steps.upperBound) else {
        changed.wait(lock)
        continue
      }
      let step = nextStep
      let positions = filler.positions(ofStep: step)
      let part = nextImage..<min(nextImage + imagesPerTask, positions.count)
      nextImage = part.upperBound
      if nextImage >= positions.count {
        nextStep += 1
        nextImage = 0
      }
      if part.isEmpty { continue }
      let slot = step % depth
      lock.unlock()
      var caught: (any Error)?
      var bad: [(image: Int, bad: BadImage)] = []
      do {
        bad = try filler.fill(
          positions, part: part, pixels: slotPixels(slot), targets: targetBlocks[slot],
          scratch: &scratch)
      } catch { caught = error }
      lock.lock()
      missing[slot] -= part.count
      replaced[slot] += bad
      // Of several errors in a batch the first image's is thrown, whoever met it first.
      if let caught, part.lowerBound < failure[slot]?.image ?? .max {
        failure[slot] = (part.lowerBound, caught)
      }
      changed.broadcast()
    }
    lock.unlock()
  }

  private func slotPixels(_ slot: Int) -> MutableVectorView<Float> {
    pixels.view.row(slot, width: imagesPerBatch * filler.preparation.output.count)
  }
}
