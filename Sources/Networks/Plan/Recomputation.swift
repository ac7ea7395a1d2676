/// Which normalizations' outputs are computed again where they are read, instead of being stored: a
/// decision of the plan.

/// How long the output of each normalization is stored.
///
/// The backward pass needs a normalization's input, the raw output of a convolution, whatever happens to
/// its output. So the output, y = max(0, x·scale + shift + addend), can be had again for a block of images
/// just before a convolution reads it, with the same bits (Chen et al. 2016, arXiv 1604.06174, where the
/// cheap operations are recomputed). A residual block's output takes the one before as its addend, and
/// that the one before it; where the chain would get long a link is stored.
struct Recomputation {
  enum Storage {
    /// For all readers.
    case always
    /// For readers of the forward pass; those of the backward pass compute it again.
    case forward
    /// All readers compute it.
    case never
  }

  /// Elements of an image's output from which on it is not stored for the backward pass: 80 KiB.
  /// Smaller ones cost little memory.
  static let leastCount = 20 * 1024
  /// Normalizations that a reader computes at most, each of which reads its input once more: six
  /// residual blocks and a projection, the third stage of ResNet-34 and ResNet-50.
  private static let longestChain = 7

  private let operations: [FusedOperation]
  /// By operation; `.always` for what is no normalization.
  private var storage: [Storage]
  /// By node: the normalization that writes its value.
  private var writers: [Int?]

  /// - Parameters:
  ///   - enabled: false stores everything (for tests).
  ///   - leastCount: nil for plans without a backward pass.
  init(
    _ operations: [FusedOperation], _ nodes: [Architecture.Node], enabled: Bool, leastCount: Int?
  ) {
    self.operations = operations
    storage = Array(repeating: .always, count: operations.count)
    writers = Array(repeating: nil, count: nodes.count)
    let readers = operations.readers(nodeCount: nodes.count).map { readers in
      readers.map { Reader(nodes[operations[$0.operation].node].operation, position: $0.position) }
    }
    for (index, operation) in operations.enumerated() {
      guard enabled, nodes[operation.node].operation == .batchNormalization else { continue }
      writers[operation.output] = index
      let own = readers[operation.output]
      if Self.isLeftToReaders(operation, own) {
        storage[index] = .never
      } else if let leastCount, nodes[operation.output].shape.count >= leastCount,
        !own.contains(.values), canCompute(operation, readers)
      {
        storage[index] = .forward
      }
    }
  }

  /// What an operation does with an input that a normalization wrote.
  private enum Reader {
    /// Convolves it.
    case convolution
    /// Takes maxima of it, and needs it forward only.
    case pooling
    /// Adds it to a normalization.
    case addition
    /// Reads it from memory forward only.
    case forward
    /// Reads it from memory in both passes.
    case values

    init(_ operation: Architecture.Operation, position: Int) {
      self =
        switch operation {
        case .convolution: .convolution
        case .maxPooling: .pooling
        case .batchNormalization: position > 0 ? .addition : .values
        case .fullyConnected: .values
        default: .forward
        }
    }
  }

  /// Whether a normalization of nothing but a convolution's output has readers that all compute it
  /// just as well: convolutions, a pooling, or as a projection shortcut the normalization that adds it.
  private static func isLeftToReaders(_ operation: FusedOperation, _ readers: [Reader]) -> Bool {
    switch operation.epilogue {
    case .relu: !readers.isEmpty && readers.allSatisfy { $0 == .convolution || $0 == .pooling }
    case []: readers == [.addition]
    default: false
    }
  }

  /// Whether the addend of a normalization is at hand in the backward pass without a long chain: a
  /// stored one where a convolution needs it there in any case.
  private func canCompute(_ operation: FusedOperation, _ readers: [[Reader]]) -> Bool {
    guard operation.epilogue.contains(.add) else { return true }
    let addend = operation.inputs[1]
    let chain = chain(of: addend)
    return chain > 0 ? chain < Self.longestChain : readers[addend].contains(.convolution)
  }

  /// Normalizations that a reader of the backward pass computes for the value of `node`.
  private func chain(of node: Int) -> Int {
    guard let writer = writers[node], storage[writer] != .always else { return 0 }
    let operation = operations[writer]
    return 1 + (operation.epilogue.contains(.add) ? chain(of: operation.inputs[1]) : 0)
  }

  /// The normalization, by operation, that writes the value of `node`, if one does.
  func writer(of node: Int) -> Int? { writers[node] }

  func storage(of operation: Int) -> Storage { storage[operation] }

  /// The nodes whose stored values a pass reads for the value of `node`.
  func storedValues(of node: Int, in direction: PassDirection) -> [Int] {
    guard let writer = writers[node], !storage[writer].serves(direction) else { return [node] }
    return operations[writer].inputs.flatMap { storedValues(of: $0, in: direction) }
  }
}

extension Recomputation.Storage {
  /// Whether readers of a pass find the value.
  func serves(_ direction: PassDirection) -> Bool {
    switch self {
    case .always: true
    case .forward: direction == .forward
    case .never: false
    }
  }
}
