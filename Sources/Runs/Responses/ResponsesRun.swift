/// Layer responses of networks, on any number of ranks.

import Console
import Datasets
import Distributed
import Networks
import Settings

/// One `resnet-dist responses`.
package struct ResponsesRun {
  private let members: [EvaluationMember]
  private let source: any ImageSource
  private let layout: ShardLayout
  private let threads: Int
  private let workers: Int
  private let ranks: ProcessGroup
  private let console: any Console

  /// Opens weights and images.
  ///
  /// - Parameters:
  ///   - weights: run folders, checkpoints or weights files.
  ///   - changes: over the settings of the runs that the weights are from; the first says which images
  ///     there are.
  ///   - console: where rank 0 shows how far it is.
  /// - Throws: `CollectiveFailure`.
  package init(
    weights: [String], changes: ConfigurationChanges, ranks: ProcessGroup, console: any Console
  ) throws {
    let configurations = try ranks.together {
      try weights.map { try TrainingConfiguration.ofClassifier(weights: $0, changes: changes) }
    }
    let first = configurations[0]
    let source = try ranks.together { try TrainingData.test(first) }
    try ranks.agree(on: [("test images", source.fingerprint)])
    (members, layout) = try ranks.together {
      let members = try zip(weights, configurations).map { path, configuration in
        let member = try EvaluationMember(
          configuration, weights: path, source: source,
          transform: try configuration.testTransform(for: source),
          normalizationIsGiven: changes.giveNormalization)
        try member.check()
        return member
      }
      return (
        members,
        try ShardLayout(
          batch: first.parallel.batchSize, shards: first.shards(ranks: ranks.count),
          ranks: ranks.count, rank: ranks.rank)
      )
    }
    threads = try first.threads(on: ranks)
    workers = first.parallel.workers
    self.source = source
    self.ranks = ranks
    self.console = console
  }

  /// Measures all networks over all test images; the same on every rank.
  package func measure() throws -> [LayerResponses] {
    try members.map(measure)
  }

  private func measure(_ member: EvaluationMember) throws -> LayerResponses {
    let nodes = member.architecture.responseNodes
    var network = member.architecture.adding(outputs: nodes)
    // The outputs are read as Float.
    network.precision = .fp32
    // All of these outputs are kept until the end of a pass.
    var need = MemoryNeed(network, training: nil, evaluation: layout, threads: threads)
    need.images = BatchLoader.bytes(images: layout.localPositions.count, shape: network.input)
    try ranks.checkMemory(need, remedy: "a smaller --batch-size")
    let replica = try ranks.together {
      let replica = Replica(
        network, evaluation: layout, threads: threads, exchange: SingleRankExchange())
      try member.weights.load(into: replica)
      return replica
    }
    let batches = (source.count + layout.capacity - 1) / layout.capacity
    let loader = BatchLoader(
      source: source, normalization: member.normalization, transform: member.transforms[0],
      order: .sequential, batchSize: layout.capacity, localRange: layout.localPositions,
      steps: 0..<batches, workers: workers)
    let bar = ranks.isFirst ? ProgressBar(console: console) : nil
    bar?.begin(network.name, total: batches)
    defer { bar?.finish() }
    let moments = ResponseMoments(of: nodes.map { network.nodes[$0].shape }, layout)
    try ranks.together {
      for step in 0..<batches {
        let batch = min(layout.capacity, source.count - step * layout.capacity)
        try loader.withNext { images in
          _ = try replica.scoringPass(images: images.pixels.base, batch: batch)
          moments.add(batch: batch) { replica.evaluationOutput($0 + 1) }
        }
        bar?.update(
          completed: step + 1, images: min((step + 1) * layout.capacity, source.count))
      }
    }
    let layers = zip(nodes, try moments.deviations(ranks.control)).map { node, deviation in
      LayerResponses.Layer(name: network.nodes[node].name, deviation: deviation)
    }
    return LayerResponses(model: network.name, layers: layers, images: source.count)
  }
}

extension Architecture {
  /// The BN layers that follow a 3×3 convolution, in execution order.
  fileprivate var responseNodes: [Int] {
    nodes.indices.filter { index in
      let node = nodes[index]
      guard node.operation.runningStatistics(of: inputShapes(of: node)) > 0,
        let convolution = nodes[node.inputs[0]].operation as? ConvolutionOperation
      else { return false }
      return convolution.kernel == 3
    }
  }
}
