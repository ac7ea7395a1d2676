/// Training on images of different sizes: a rank's shards one after the other, one image each.

import Kernels
import Tensors

/// A network that is compiled for each size of image that comes, with one memory for parameters, gradients
/// and activations.
///
/// No image is padded, so nothing that is computed of it depends on what it is trained together with. The
/// shards' gradients are added in the tree's order, as those of a `TrainingReplica` of all of them.
package final class ImageByImagePasses {
  /// The network for the largest images, whose parameters and gradients are everybody's.
  package let replica: TrainingReplica
  /// Of a mini-batch: one image a shard.
  private let layout: ShardLayout
  private let makeArchitecture: (ImageShape) -> Architecture
  private let exchange: any StatisticsExchange
  private let observers: [any PassObserver]
  private let reduction: any PassObserver
  private let gradients: any GradientMemory
  private let rows: ShardGradientRows
  /// The parts of a mini-batch's gradient that wait for others, [rows, weights].
  private let waiting: AlignedBuffer<Float>
  private let lossSums: AlignedBuffer<Double>
  private let lossSumsWidth: Int
  private var compiled: RecentlyUsed<ImageShape, TrainingReplica>

  /// Sizes of images for which compiled networks are kept.
  package static let keptSizes = 16

  /// - Parameters:
  ///   - architecture: the network for images of a size.
  ///   - largest: takes at least the memory of any other.
  ///   - layout: of a mini-batch.
  ///   - gradients: of this rank's tree nodes.
  ///   - observers: hear of each layer of each image.
  ///   - reduction: hears when the gradients are whole.
  /// - Precondition: the mini-batch has one image a shard, and the network no normalization that is trained.
  package init(
    _ architecture: @escaping (ImageShape) -> Architecture, largest: ImageShape,
    layout: ShardLayout, exchange: any StatisticsExchange, gradients: any GradientMemory,
    observers: [any PassObserver], reduction: any PassObserver
  ) {
    precondition(layout.capacity == layout.shards, "one image a shard")
    self.layout = layout
    self.exchange = exchange
    self.observers = observers
    self.reduction = reduction
    self.gradients = gradients
    makeArchitecture = architecture
    let network = architecture(largest)
    replica = TrainingReplica(
      network, training: .oneImage, evaluation: .oneImage, exchange: exchange,
      gradients: FirstNode(gradients), observers: observers)
    precondition(
      replica.parameterLayout.normalization.isEmpty, "statistics of images one by one are useless")
    rows = ShardGradientRows(layout, inOrder: true)
    waiting = AlignedBuffer(
      count: rows.scratchRows * CacheLine.whole(floats: replica.parameterLayout.weights.count))
    lossSumsWidth = network.lossSumsCount
    lossSums = AlignedBuffer(count: layout.localShards.count * lossSumsWidth)
    compiled = RecentlyUsed(capacity: Self.keptSizes)
  }

  /// Bytes beside those of the replica and of the gradients' tree nodes.
  package static func bytes(_ layout: ShardLayout, weights: Int) -> Int {
    ShardGradientRows(layout, inOrder: true).scratchRows * CacheLine.whole(floats: weights)
      * MemoryLayout<Float>.stride
  }

  /// Forward and backward over the image of one local shard; shards come in order.
  ///
  /// - Parameters:
  ///   - image: [1, H, W, C].
  ///   - targets: of the image.
  ///   - microBatch: which part of the mini-batch the shards are.
  ///   - didForward: called between the two passes.
  package func trainingPass(
    localShard shard: Int, image: ImageTensor, targets: Targets, microBatch: MicroBatchIndex,
    didForward: () -> Void
  ) throws {
    let images = layout.capacity
    let position = layout.localShards.lowerBound + shard
    let sums = try replica(for: image.shape).trainingPass(
      images: image.base, targets: targets,
      microBatch: MicroBatchIndex(
        index: microBatch.index * images + position, of: microBatch.count * images),
      gradient: row(shard), didForward: didForward)
    lossSums.view.row(shard, width: lossSumsWidth).update(from: VectorView(sums))
    for merge in rows.merges[shard] {
      Elementwise.add(VectorView(row(merge.from)), to: row(merge.into))
    }
  }

  /// Images of this rank in a mini-batch.
  package var localShards: Int { layout.localShards.count }

  /// All shards' passes are done.
  ///
  /// - Throws: what the reduction throws.
  package func finish() throws {
    try reduction.didComplete(weightGradients: replica.parameterLayout.weights.count)
  }

  /// The losses' sums of the last pass of each local shard, [local shards, `Architecture.lossSumsCount`].
  package var sums: VectorView<Double> { VectorView(lossSums.view) }

  private func replica(for shape: ImageShape) -> TrainingReplica {
    if shape == replica.architecture.input { return replica }
    return compiled.value(for: shape) {
      TrainingReplica(
        makeArchitecture(shape), training: .oneImage, evaluation: .oneImage, exchange: exchange,
        observers: observers, sharing: replica)
    }
  }

  /// Where a local shard's gradient of the weights is.
  private func row(_ shard: Int) -> MutableVectorView<Float> {
    let count = replica.parameterLayout.weights.count
    switch rows.rows[shard] {
    case .node(let node): return gradients.nodes[node][0..<count]
    case .scratch(let row):
      let first = row * CacheLine.whole(floats: count)
      return waiting.view[first..<first + count]
    }
  }
}

/// Passes over single images of any size with a network's parameters, for tests.
package final class ImageByImageTests {
  private let parameters: Replica
  private let makeArchitecture: (ImageShape) -> Architecture
  private let exchange = SingleRankExchange()
  private var compiled: RecentlyUsed<ImageShape, Replica>

  /// - Parameters:
  ///   - architecture: the network for images of a size.
  ///   - parameters: whose parameters are read, and whose memory is used where it is large enough.
  package init(
    _ architecture: @escaping (ImageShape) -> Architecture, parameters: Replica
  ) {
    makeArchitecture = architecture
    self.parameters = parameters
    compiled = RecentlyUsed(capacity: ImageByImagePasses.keptSizes)
  }

  /// Forward over one image, [1, H, W, C].
  ///
  /// - Parameter targets: of the image, for operations that read some; nil: there are none.
  /// - Returns: the replica, whose outputs are valid until the next pass.
  package func scoringPass(_ image: ImageTensor, targets: Targets? = nil) throws -> Replica {
    let replica = compiled.value(for: image.shape) {
      Replica(
        makeArchitecture(image.shape), evaluation: .oneImage, exchange: exchange,
        sharing: parameters)
    }
    if let targets {
      _ = try replica.evaluationPass(images: image.base, targets: targets, batch: 1)
    } else {
      _ = try replica.scoringPass(images: image.base, batch: 1)
    }
    return replica
  }
}

extension ShardLayout {
  /// One image in one shard of one rank.
  package static var oneImage: ShardLayout { try! ShardLayout(batch: 1, shards: 1) }
}

/// Gradients of which a single shard's passes see the first tree node.
private final class FirstNode: GradientMemory {
  private let all: any GradientMemory
  let nodes: [MutableVectorView<Float>]

  init(_ all: any GradientMemory) {
    self.all = all
    nodes = [all.nodes[0]]
  }

  var sum: VectorView<Float> { all.sum }
}

/// Values by key, of which those that were not used for long are dropped.
private struct RecentlyUsed<Key: Equatable, Value> {
  private let capacity: Int
  /// The last used is last.
  private var entries: [(key: Key, value: Value)] = []

  init(capacity: Int) { self.capacity = capacity }

  mutating func value(for key: Key, make: () -> Value) -> Value {
    if let index = entries.firstIndex(where: { $0.key == key }) {
      let entry = entries.remove(at: index)
      entries.append(entry)
      return entry.value
    }
    if entries.count == capacity { entries.removeFirst() }
    let value = make()
    entries.append((key, value))
    return value
  }
}
