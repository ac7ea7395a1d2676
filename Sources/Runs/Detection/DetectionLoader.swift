/// This rank's training images of a detection data set, one by one.

import Datasets
import Detection
import DetectionData
import Distributed
import Networks
import Randomness
import Tensors

/// Gives the images of each micro-batch in the run's order, each with the targets of its objects.
///
/// Order, mirroring and sizes depend on the seed, the epoch and the image alone.
final class DetectionLoader: TrainingBatches {
  private let dataset: DetectionDataset
  private let images: DetectionImages
  private let settings: Settings
  /// Proposes the regions; nil: the network that is trained does.
  private let proposals: ProposalFinder?
  private let layout: ShardLayout
  private let order: PermutedOrder
  private let targets: AlignedBuffer<Float>
  /// Images of the micro-batches before this one, of all ranks.
  private var first: Int
  /// Micro-batches before this one.
  private var microBatch: Int
  /// The present image among this rank's of the micro-batch.
  private var local = 0
  /// Since they were taken last.
  private var badImages: [BadImage] = []

  struct Settings {
    var seed: UInt64
    /// Of which one is drawn for each image.
    var scales: [ImageScale]
    /// Whether half of the images are mirrored.
    var flips: Bool
    var difficult: Bool
    /// Objects of an image, at most.
    var capacity: Int
    /// Of a mini-batch.
    var microBatches: Int
    /// What becomes of images that cannot be read or decoded.
    var badImages: BadImagePolicy
  }

  /// - Parameters:
  ///   - proposals: another network's, which sees each image as it is trained.
  ///   - layout: of a micro-batch.
  ///   - step: finished steps.
  init(
    _ dataset: DetectionDataset, _ images: DetectionImages, settings: Settings,
    proposals: ProposalFinder?, layout: ShardLayout, afterSteps step: Int
  ) {
    self.dataset = dataset
    self.images = images
    self.settings = settings
    self.proposals = proposals
    self.layout = layout
    microBatch = step * settings.microBatches
    first = microBatch * layout.capacity
    order = PermutedOrder(seed: settings.seed, count: dataset.images.count)
    targets = AlignedBuffer(
      count: ObjectTargets.layout(capacity: settings.capacity, regions: proposals?.limit ?? 0).count
    )
  }

  func withNextMicroBatch(_ body: (MicroBatch) throws -> Void) throws {
    let position = layout.localPositions.lowerBound + local
    let (epoch, index) = order.sample(at: first + position)
    let (sample, isFlipped, annotated) = try goodImage(index, epoch: epoch)
    let objects = annotated.objects.filter { settings.difficult || !$0.isDifficult }
    let target = ObjectTargets(
      key: samplingKey(position),
      objects: objects.map {
        TargetObject(
          box: sample.box($0.box, isFlipped: isFlipped), label: $0.category + 1,
          isCrowd: $0.isCrowd)
      }, regions: try proposals?.boxes(in: sample.image) ?? [])
    try body(MicroBatch(images: sample.image, targets: target.targets(in: targets)))
    local += 1
    if local == layout.localPositions.count {
      local = 0
      microBatch += 1
      first += layout.capacity
    }
  }

  /// Of a position in the micro-batch: the same in however many of them a mini-batch is trained.
  private func samplingKey(_ position: Int) -> SamplingKey {
    let (step, part) = microBatch.quotientAndRemainder(dividingBy: settings.microBatches)
    return SamplingKey(
      seed: settings.seed, step: step, position: part * layout.capacity + position)
  }

  /// An image as it is trained, and what is known of it.
  private typealias Drawn = (
    sample: DetectionImages.Sample, isFlipped: Bool, annotated: AnnotatedImage
  )

  /// Reads an image, or where it is bad and that is allowed, one that takes its place.
  private func goodImage(_ index: Int, epoch: Int) throws -> Drawn {
    do { return try image(index, epoch: epoch) } catch let error as DatasetError
      where settings.badImages == .skip
    {
      badImages.append(BadImage(index: index, reason: error.description))
      let others = Replacements(
        of: index, seed: settings.seed, epoch: epoch, count: dataset.images.count)
      for other in others { if let drawn = try? image(other, epoch: epoch) { return drawn } }
      throw error
    }
  }

  private func image(_ index: Int, epoch: Int) throws -> Drawn {
    var stream = CounterStream(
      seed: settings.seed, purpose: .augmentation, epoch: epoch, index: index)
    let scale = settings.scales[stream.next(below: settings.scales.count)]
    let isFlipped = settings.flips && stream.next(below: 2) == 1
    let sample = try images.read(index, scale: scale, isFlipped: isFlipped)
    return (sample, isFlipped, dataset.images[index])
  }

  func takeBadImages() -> [BadImage] {
    defer { badImages = [] }
    return badImages
  }
}

/// Which image is at a position of the endless stream of training images.
private final class PermutedOrder {
  private let seed: UInt64
  private let count: Int
  private var known: (epoch: Int, order: [Int32])?

  init(seed: UInt64, count: Int) { (self.seed, self.count) = (seed, count) }

  func sample(at position: Int) -> (epoch: Int, index: Int) {
    let (epoch, place) = position.quotientAndRemainder(dividingBy: count)
    if known?.epoch != epoch {
      known = (epoch, PermutationSampler.permutation(seed: seed, epoch: epoch, count: count))
    }
    return (epoch, Int(known!.order[place]))
  }
}
