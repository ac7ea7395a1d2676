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

  /// The shape of a prepared image.
  public var shape: ImageShape { shared.shape }

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
  ///   - targets: what to deliver for each image: what the source provides, and the classes'
  ///     probabilities where images are mixed.
  ///   - mixing: of the images of a mini-batch; nil: none.
  ///   - microBatches: how many of these batches make up a mini-batch that is mixed; groups that are mixed
  ///     by themselves divide a batch.
  ///   - badImages: what becomes of images that cannot be read or decoded.
  ///   - workers: threads that prepare images.
  ///   - depth: mini-batches prepared ahead, the current one included.
  public init(
    source: any ImageSource, normalization: Normalization, transform: ImageTransform,
    order: SampleOrder, batchSize: Int, localRange: Range<Int>, steps: Range<Int>,
    targets: [TargetLayout] = [.label], mixing: BatchMixing? = nil, microBatches: Int = 1,
    badImages: BadImagePolicy = .fail, workers: Int = 1, depth: Int = defaultDepth
  ) {
    precondition(batchSize >= 1 && workers >= 1 && depth >= 2, "a loader needs room to work ahead")
    precondition(localRange.lowerBound >= 0 && localRange.upperBound <= batchSize)
    precondition(targets.allSatisfy(source.provides), "targets of the source")
    shared = LoaderState(
      filler: BatchFiller(
        preparation: SamplePreparation(source, transform, normalization),
        stream: SampleStream(
          order, runs: source.storageRuns, miniBatch: batchSize * microBatches), targets: targets,
        mixing: mixing, microBatches: microBatches, badImages: badImages,
        places: BatchPositions(
          images: source.count, order: order, batchSize: batchSize, localRange: localRange)),
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
  let mixing: BatchMixing?
  let microBatches: Int
  let badImages: BadImagePolicy
  let places: BatchPositions

  /// The stream positions of this rank's images of mini-batch `step`.
  func positions(ofStep step: Int) -> Range<Int> { places.positions(ofStep: step) }

  /// Images to prepare for a mini-batch: with the one before the first of each group where images are mixed.
  func count(ofStep step: Int) -> Int {
    positions(ofStep: step).count + mixedGroups(ofStep: step).count
  }

  /// A group of images that are mixed among themselves, as far as this rank has it.
  struct MixedGroup {
    /// Its number in the run.
    let number: Int
    /// This rank's positions of it.
    let positions: Range<Int>
    /// What the first of them is mixed with: the position before it, and before the first of a group its
    /// last.
    let before: Int
  }

  /// The groups that this rank's images of a step belong to; none where images are not mixed.
  func mixedGroups(ofStep step: Int) -> [MixedGroup] {
    guard let mixing else { return [] }
    let size = mixing.groupSize ?? places.batchSize * microBatches
    let own = positions(ofStep: step)
    var groups: [MixedGroup] = []
    var first = own.lowerBound
    while first < own.upperBound {
      let start = first / size * size
      let end = min(start + size, own.upperBound)
      groups.append(
        MixedGroup(
          number: first / size, positions: first..<end,
          before: first > start ? first - 1 : start + size - 1))
      first = end
    }
    return groups
  }

  /// Fills images `part` of a step's images.
  ///
  /// - Returns: those that others took the place of, with their number in the batch.
  func fill(
    step: Int, part: Range<Int>, into slot: BatchSlot, scratch: inout SamplePreparation.Scratch
  ) throws -> [(image: Int, bad: BadImage)] {
    let positions = positions(ofStep: step)
    let own = part.clamped(to: 0..<positions.count)
    let first = positions.lowerBound
    let bad = try fill(
      first + own.lowerBound..<first + own.upperBound, from: own.lowerBound, into: slot,
      scratch: &scratch)
    for (number, group) in mixedGroups(ofStep: step).enumerated()
    where part.contains(positions.count + number) {
      // Whoever has that image as its own reports it.
      _ = try fill(
        group.before..<group.before + 1, from: positions.count + number, into: slot,
        scratch: &scratch)
    }
    return bad
  }

  /// Fills the images at some positions, the first as image `firstImage` of the batch.
  private func fill(
    _ positions: Range<Int>, from firstImage: Int, into slot: BatchSlot,
    scratch: inout SamplePreparation.Scratch
  ) throws -> [(image: Int, bad: BadImage)] {
    let size = preparation.output.count
    var replaced: [(image: Int, bad: BadImage)] = []
    try stream.forEach(positions) { offset, epoch, index in
      let image = firstImage + offset
      func prepare(_ index: Int) throws {
        try preparation.prepare(
          index, seed: stream.seed, epoch: epoch, scratch: &scratch,
          to: slot.pixels.row(image, width: size))
        if mixing != nil { slot.labels[image] = Int32(preparation.source.label(at: index)) }
        for (layout, block) in zip(targets, slot.targets) where !isMixed(layout) {
          var target = TargetSpace(layout, in: block.row(image, width: layout.byteCount))
          preparation.source.writeAnyTarget(of: index, to: &target)
        }
      }
      do { try prepare(index) } catch let error as DatasetError where badImages == .skip {
        replaced.append((image, BadImage(index: index, reason: error.description)))
        let others = Replacements(
          of: index, seed: stream.seed, epoch: epoch, count: preparation.source.count)
        for other in others where (try? prepare(other)) != nil { return }
        throw error
      }
    }
    return replaced
  }

  /// Whether targets of `layout` come from mixing.
  private func isMixed(_ layout: TargetLayout) -> Bool {
    mixing != nil && layout == .classProbabilities(preparation.source.classCount)
  }

  /// Mixes the images of a step, all of which are there.
  func mix(_ slot: BatchSlot, step: Int) {
    guard let mixing else { return }
    let own = positions(ofStep: step)
    for (number, group) in mixedGroups(ofStep: step).enumerated() {
      let images =
        group.positions.lowerBound - own.lowerBound..<group.positions.upperBound - own.lowerBound
      let first = own.count + number
      let draw = mixing.draw(seed: stream.seed, group: group.number, shape: preparation.output)
      draw.mix(slot.pixels, images: images, before: first, shape: preparation.output)
      for (layout, block) in zip(targets, slot.targets) where isMixed(layout) {
        for image in images {
          var target = TargetSpace(layout, in: block.row(image, width: layout.byteCount))
          let before = slot.labels[image > images.lowerBound ? image - 1 : first]
          target.write(
            labels: (Int(slot.labels[image]), Int(before)), weight: draw.weight,
            smoothing: mixing.labelSmoothing, classes: layout.count)
        }
      }
    }
  }
}

/// A place of the ring of batches that are prepared ahead.
private struct BatchSlot {
  /// [images, H, W, C], one more for each group of images that are mixed.
  let pixels: MutableVectorView<Float>
  /// Of as many images; only where some are mixed.
  let labels: MutableVectorView<Int32>
  /// [images, bytes] of each target layout, as many.
  let targets: [MutableVectorView<UInt8>]
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
  private let labels: AlignedBuffer<Int32>
  /// [depth, images, bytes] of each target layout, one after the other.
  private let targetMemory: AlignedBuffer<UInt8>
  private let slots: [BatchSlot]
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

  var shape: ImageShape { filler.preparation.output }

  init(filler: BatchFiller, steps: Range<Int>, depth: Int) {
    self.filler = filler
    self.steps = steps
    self.depth = depth
    // A rank's part of each mini-batch has equally many groups.
    let images = filler.places.localRange.count + filler.mixedGroups(ofStep: 0).count
    imagesPerBatch = images
    imagesPerTask = filler.preparation.output.area > 1 << 14 ? 1 : 16
    pixels = AlignedBuffer(count: depth * imagesPerBatch * filler.preparation.output.count)
    labels = AlignedBuffer(count: filler.mixing == nil ? 0 : depth * images)
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
    let (pixels, labels) = (pixels.view, labels.view)
    slots = blocks.enumerated().map { slot, blocks in
      BatchSlot(
        pixels: pixels.row(slot, width: images * filler.preparation.output.count),
        labels: labels.row(slot, width: filler.mixing == nil ? 0 : images), targets: blocks)
    }
    targetMemory = memory
    nextStep = steps.lowerBound
    current = steps.lowerBound
    missing = Array(repeating: 0, count: depth)
    failure = Array(repeating: nil, count: depth)
    replaced = Array(repeating: [], count: depth)
    for slot in 0..<depth {
      let step = steps.lowerBound + slot
      missing[step % depth] = filler.count(ofStep: step)
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
        base: slots[slot].pixels.elements.baseAddress!,
        images: filler.positions(ofStep: current).count, shape: filler.preparation.output),
      targets: Targets(slots[slot].targets.map { VectorView($0) }))
  }

  /// The batch taken last may be overwritten.
  func giveBack() {
    lock.lock()
    let slot = current % depth
    badImages += replaced[slot].sorted { $0.image < $1.image }.map(\.bad)
    replaced[slot] = []
    missing[slot] = filler.count(ofStep: current + depth)
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
      let count = filler.count(ofStep: step)
      let part = nextImage..<min(nextImage + imagesPerTask, count)
      nextImage = part.upperBound
      if nextImage >= count {
        nextStep += 1
        nextImage = 0
      }
      if part.isEmpty { continue }
      let slot = step % depth
      lock.unlock()
      var caught: (any Error)?
      var bad: [(image: Int, bad: BadImage)] = []
      do {
        bad = try filler.fill(step: step, part: part, into: slots[slot], scratch: &scratch)
      } catch { caught = error }
      lock.lock()
      if missing[slot] == part.count, failure[slot] == nil, caught == nil {
        // The last part: nobody else touches the batch.
        lock.unlock()
        filler.mix(slots[slot], step: step)
        lock.lock()
      }
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
}
