/// Timed training steps on made-up images in memory: what `resnet-dist bench` does.

import Glibc
import Kernels
import MPI
import Networks
import Randomness
import Tensors

/// One `resnet-dist bench`: the training step of `train`, without input pipeline and files.
public final class BenchmarkRun {
  /// What to measure beside what a configuration says.
  public struct Options {
    /// Side of the images; nil is the size that the network was designed for.
    public var imageSize: Int?
    /// Nil: 1000 for the ImageNet networks, 10 for the others.
    public var classes: Int?
    /// Timed steps; nil times for `seconds`.
    public var steps: Int?
    public var seconds: Double
    public var warmUp: Int
    /// Whether the layers are timed one by one.
    public var layers: Bool
    /// Whether to keep what a step does when, for `ScalingStudy`.
    var recordsSteps = false
    /// Seconds and bytes a second of a network that is put between the ranks; nil: the real one.
    public var injectedLatency: Double?
    public var injectedBandwidth: Double?

    public init(
      imageSize: Int?, classes: Int?, steps: Int?, seconds: Double, warmUp: Int, layers: Bool,
      injectedLatency: Double? = nil, injectedBandwidth: Double? = nil
    ) {
      self.injectedLatency = injectedLatency
      self.injectedBandwidth = injectedBandwidth
      self.imageSize = imageSize
      self.classes = classes
      self.steps = steps
      self.seconds = seconds
      self.warmUp = warmUp
      self.layers = layers
    }
  }

  private let options: Options
  private let ranks: Ranks
  private let stepRule: Optimizer
  private let replica: Replica
  private let exchange: TimedExchange
  private let metrics: ClassificationExchange
  private let reduction: any GradientReduction
  private let profiler: LayerProfiler?
  private let recorder: StepRecorder?
  private let whereabouts: Whereabouts
  private let timelinePath: String?
  /// Parts of a step's mini-batch.
  private let accumulate: Int
  private let images: AlignedBuffer<Float>
  private let labels: AlignedBuffer<Int32>
  private let clock = ContinuousClock()
  private var parts = StepParts()

  /// Builds the network and fills the images.
  ///
  /// - Parameter flags: of the training configuration: model, shortcut, batch size, shards, threads,
  ///   optimizer.
  /// - Throws: `CollectiveFailure`.
  public init(flags: [(key: String, value: String)], options: Options, ranks: Ranks) throws {
    self.options = options
    self.ranks = ranks
    if options.injectedLatency != nil || options.injectedBandwidth != nil {
      ranks.injectedNetwork = InjectedNetwork(
        latency: options.injectedLatency ?? 0, bandwidth: options.injectedBandwidth ?? .infinity)
    }
    let configuration = try ranks.together {
      try TrainingConfiguration.resolve(flags: flags, file: nil, resume: nil)
    }
    try ranks.agree(on: configuration.values + [("bench's options", "\(options)")])
    let (architecture, division) = try ranks.together {
      let architecture = try configuration.architecture(
        classes: options.classes, imageSize: options.imageSize)
      let layout = try configuration.partLayout(ranks: ranks.count, rank: ranks.rank)
      return (
        architecture,
        try StatisticsDivision(layout, imagesPerGroup: configuration.normalizationGroup)
      )
    }
    let layout = division.layout
    stepRule = configuration.stepRule
    accumulate = configuration.accumulate
    let statistics = try ranks.statisticsExchange(division, architecture)
    recorder = options.recordsSteps ? StepRecorder(statistics) : nil
    exchange = TimedExchange(recorder ?? statistics)
    let threads = try configuration.threads ?? ThreadAllocation.threads(local: ranks.local)
    whereabouts = try ranks.makeWhereabouts()
    timelinePath = configuration.timeline
    statistics.whereabouts = whereabouts
    reduction = try ranks.gradientReduction(
      configuration, layout, GradientExtent(ParameterLayout(architecture)),
      whereabouts: whereabouts)
    replica = Replica(
      architecture, training: layout, evaluation: layout, threads: threads, division: division,
      exchange: exchange, gradients: reduction.memory)
    statistics.idle = { [reduction] in try reduction.advance() }
    replica.initialize(seed: configuration.seed)
    profiler = options.layers ? LayerProfiler(replica.trainingLayers) : nil
    replica.observers =
      [profiler as (any PassObserver)?, whereabouts, recorder, reduction].compactMap(\.self)
    metrics = ClassificationExchange(exchange, layout)
    let count = layout.localPositions.count
    images = AlignedBuffer(count: count * architecture.input.count)
    labels = AlignedBuffer(count: count)
    for (image, position) in layout.localPositions.enumerated() {
      var stream = CounterStream(seed: configuration.seed, purpose: .syntheticData, index: position)
      labels.pointer[image] = Int32(position % architecture.classes)
      let pixels = images.pointer + image * architecture.input.count
      for pixel in 0..<architecture.input.count {
        pixels[pixel] = Float(2 * stream.nextUniform() - 1)
      }
    }
  }

  /// Warms up, then times steps; the result is the first rank's, its memory all ranks'.
  public func measure() throws -> (result: BenchmarkResult, layers: LayerTable?) {
    try ranks.endTogether(takeTimes)
  }

  private func takeTimes() throws -> (result: BenchmarkResult, layers: LayerTable?) {
    let began = clock.now
    for _ in 0..<max(options.warmUp, 1) { try step() }
    let warmUpStep = (clock.now - began).seconds / Double(max(options.warmUp, 1))
    let wanted = options.steps ?? max(3, Int((options.seconds / warmUpStep).rounded()))
    let steps = try ranks.control.allGather(wanted)[0]
    parts = StepParts()
    exchange.reset()
    profiler?.reset()
    recorder?.reset()
    var durations: [Double] = []
    durations.reserveCapacity(steps)
    try ranks.control.barrier()
    let start = clock.now
    whereabouts.timeline = try timelinePath.map { try Timeline(path: $0, ranks: ranks) }
    for number in 0..<steps {
      whereabouts.move(to: .loading, step: number + 1)
      let begin = clock.now
      try step()
      durations.append((clock.now - begin).seconds)
    }
    try ranks.control.barrier()
    let seconds = (clock.now - start).seconds
    try writeTimeline()
    return (try result(steps: steps, seconds: seconds, durations.sorted()), layerTable)
  }

  private func writeTimeline() throws {
    whereabouts.move(to: .ended)
    try whereabouts.timeline?.write(
      layerNames: replica.trainingLayers.map(\.name), ranks: ranks)
  }

  private var layerTable: LayerTable? {
    profiler.map {
      LayerTable(profiler: $0, images: replica.trainingLayout.localPositions.count)
    }
  }

  private func result(
    steps: Int, seconds: Double, _ durations: [Double]
  ) throws -> BenchmarkResult {
    let peaks = try ranks.control.allGather(Self.peakResidentBytes)
    let batch = replica.trainingLayout.batch * accumulate
    let rate = Double(steps * batch) / seconds
    parts.statisticsWait = exchange.seconds
    for part in [
      \StepParts.forward, \.backward, \.optimizer, \.statisticsWait, \.gradientWait, \.data,
    ] {
      parts[keyPath: part] /= Double(steps)
    }
    return BenchmarkResult(
      model: replica.architecture.name, ranks: ranks.count, hosts: ranks.hosts.groups.count,
      threads: replica.threads,
      batchSize: batch, shards: replica.trainingLayout.shards * accumulate, steps: steps,
      imagesPerSecond: rate, stepSeconds: durations[durations.count / 2], parts: parts,
      gflops: rate * Double(6 * replica.architecture.multiplyAdds) / 1e9,
      peakRssBytes: peaks.max() ?? 0, peakRssSumBytes: peaks.reduce(0, +))
  }

  /// One training step, as `Trainer` takes it, with a rate too small to change anything.
  private func step() throws {
    var mark = clock.now
    func lap() -> Double {
      let now = clock.now
      defer { mark = now }
      return (now - mark).seconds
    }
    for index in 0..<accumulate {
      try reduction.begin()
      recorder?.begin()
      let sums = try replica.trainingPass(
        images: images.pointer, labels: labels.pointer,
        part: MiniBatchPart(index: index, of: accumulate)
      ) {
        parts.forward += lap()
      }
      parts.backward += lap()
      _ = try metrics.sum(sums)
      whereabouts.move(to: .summing)
      try reduction.finish()
      recorder?.endPass()
      parts.gradientWait += lap()
    }
    whereabouts.move(to: .updating)
    replica.applyGradients(
      stepRule, learningRate: 1e-6, momentum: 0.9, weightDecay: 1e-4,
      normalizationWeightDecay: 1e-4)
    reduction.release()
    recorder?.endUpdate()
    parts.optimizer += lap()
  }

  var modelName: String { replica.architecture.name }
  var parameterLayout: ParameterLayout { replica.parameterLayout }

  /// The timed steps, where `Options.recordsSteps`; of a mini-batch in one part.
  var trace: StepTrace? { recorder?.trace }

  private static var peakResidentBytes: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }
}
