/// Timed training steps on made-up images in memory: what `resnet-dist bench` does.

import System
import Distributed
import MPI
import Networks
import Runs
import Settings

/// One `resnet-dist bench`: the training step of `train`, without input pipeline and files.
package final class BenchmarkRun {
  /// What to measure beside what a configuration says.
  package struct Options {
    /// Side of the images; nil is the size that the network was designed for.
    package var imageSize: Int?
    /// Nil: 1000 for the ImageNet networks, 10 for the others.
    package var classes: Int?
    /// Timed steps; nil times for `seconds`.
    package var steps: Int?
    package var seconds: Double
    package var warmUp: Int
    /// Whether the layers are timed one by one.
    package var layers: Bool
    /// Timed steps at least, however long they take.
    var leastSteps = 3
    /// Whether to keep what a step does when, for `ScalingStudy`.
    var recordsSteps = false
    /// Seconds and bytes a second of a network that is emulated between the ranks; nil: the real one.
    package var emulatedLatency: Double?
    package var emulatedBandwidth: Double?

    /// Nil: the real network.
    var emulatedNetwork: EmulatedNetwork? {
      emulatedLatency == nil && emulatedBandwidth == nil
        ? nil
        : EmulatedNetwork(
          latency: emulatedLatency ?? 0, bandwidth: emulatedBandwidth ?? .infinity)
    }

    package init(
      imageSize: Int?, classes: Int?, steps: Int?, seconds: Double, warmUp: Int, layers: Bool,
      emulatedLatency: Double? = nil, emulatedBandwidth: Double? = nil
    ) {
      self.emulatedLatency = emulatedLatency
      self.emulatedBandwidth = emulatedBandwidth
      self.imageSize = imageSize
      self.classes = classes
      self.steps = steps
      self.seconds = seconds
      self.warmUp = warmUp
      self.layers = layers
    }
  }

  /// Too small to change what the next step computes in effect, so that all steps take the same time.
  package static let learningRate = 1e-6

  private let options: Options
  private let ranks: ProcessGroup
  package let engine: TrainingEngine
  /// Images of a mini-batch, and its logical shards.
  private let batch: Int
  private let shards: Int
  /// Of this rank.
  let memory: MemoryNeed
  private let timer = StepTimer()
  private let profiler: LayerProfiler?
  private let recorder: StepRecorder?
  private let timelineFile: TimelineFile?
  private let images: any MicroBatchSource
  private let clock = ContinuousClock()
  private var stepsDone = 0

  private var replica: TrainingReplica { engine.replica }

  /// Builds the network and fills the images.
  ///
  /// - Parameter configuration: its network, optimizer and parallel settings.
  /// - Throws: `CollectiveFailure`.
  package init(
    _ configuration: TrainingConfiguration, options: Options, ranks: ProcessGroup
  ) throws {
    self.options = options
    try ranks.agree(on: configuration.values + [("bench's options", "\(options)")])
    let threads = try configuration.threads(on: ranks)
    let (architecture, division) = try ranks.together {
      let architecture = try configuration.architecture(
        classes: options.classes, imageSize: options.imageSize)
      return (architecture, try configuration.division(on: ranks, threads: threads))
    }
    let engineOptions = TrainingEngine.Options(configuration, threads: threads)
    let images = division.layout.localPositions.count * architecture.input.count
    var memory = TrainingEngine.memory(architecture, division, options: engineOptions)
    memory.images = images * MemoryLayout<Float>.stride
    try ranks.checkMemory(memory, remedy: "a smaller --batch-size, or --accumulate")
    self.memory = memory
    self.ranks = options.emulatedNetwork.map { ranks.emulating($0) } ?? ranks
    batch = division.layout.batch * configuration.parallel.accumulate
    shards = division.layout.shards * configuration.parallel.accumulate
    profiler = options.layers ? LayerProfiler() : nil
    recorder = options.recordsSteps ? StepRecorder() : nil
    timelineFile = try configuration.run.timeline.map { try TimelineFile(path: $0, ranks: ranks) }
    let observers = [profiler as (any PassObserver)?, recorder, timer].compactMap(\.self)
    engine = try TrainingEngine(
      architecture, division, options: engineOptions, group: self.ranks,
      timeline: timelineFile?.timeline, observers: observers)
    engine.replica.initialize(seed: configuration.run.seed)
    self.images = MadeUpImages(architecture, division.layout, seed: configuration.run.seed)
  }

  /// The step of a detector's run with its own images, which it reads.
  ///
  /// - Throws: `CollectiveFailure`.
  package init(_ preview: DetectionPreview, seconds: Double, ranks: ProcessGroup) throws {
    var options = Options(
      imageSize: nil, classes: nil, steps: nil, seconds: seconds, warmUp: 1, layers: false)
    options.leastSteps = 1
    self.options = options
    self.ranks = ranks
    memory = preview.memory
    (batch, shards) = (preview.configuration.parallel.batchSize, preview.shards)
    (profiler, recorder, timelineFile) = (nil, nil, nil)
    engine = try preview.engine(ranks: ranks, observers: [timer])
    images = preview.images
  }

  /// Warms up, then times steps; the result is rank 0's, its memory all ranks'.
  package func measure() throws -> (result: BenchmarkResult, layers: LayerTable?) {
    try ranks.endTogether(takeTimes)
  }

  private func takeTimes() throws -> (result: BenchmarkResult, layers: LayerTable?) {
    let began = clock.now
    for _ in 0..<max(options.warmUp, 1) { try step() }
    let warmUpStep = (clock.now - began).seconds / Double(max(options.warmUp, 1))
    let wanted =
      options.steps ?? max(options.leastSteps, Int((options.seconds / warmUpStep).rounded()))
    let steps = try ranks.control.allGather(wanted)[0]
    stepsDone = 0
    timer.reset()
    profiler?.reset()
    recorder?.reset()
    var durations: [Double] = []
    durations.reserveCapacity(steps)
    try ranks.control.barrier()
    let start = clock.now
    timelineFile?.timeline.begin()
    for _ in 0..<steps {
      let begin = clock.now
      try step()
      durations.append((clock.now - begin).seconds)
    }
    try ranks.control.barrier()
    let seconds = (clock.now - start).seconds
    engine.rankProgress.move(to: .ended)
    try timelineFile?.write(engine.rankProgress, ranks: ranks)
    return (try result(steps: steps, seconds: seconds, durations.sorted()), layerTable)
  }

  private var layerTable: LayerTable? {
    profiler.map {
      LayerTable(profiler: $0, images: replica.trainingLayout.localPositions.count)
    }
  }

  private func result(
    steps: Int, seconds: Double, _ durations: [Double]
  ) throws -> BenchmarkResult {
    let peaks = try ranks.control.allGather(ResourceUsage.peakResidentBytes)
    let rate = Double(steps * batch) / seconds
    return BenchmarkResult(
      model: replica.architecture.name, ranks: ranks.count, hosts: ranks.hosts.groups.count,
      threads: replica.threads, precision: replica.architecture.precision,
      batchSize: batch, shards: shards, steps: steps,
      imagesPerSecond: rate, stepSeconds: durations[durations.count / 2],
      parts: timer.parts(perStep: steps),
      gflops: rate * Double(6 * replica.architecture.multiplyAdds) / 1e9,
      peakRssBytes: peaks.max() ?? 0, peakRssSumBytes: peaks.reduce(0, +),
      estimatedBytes: memory.total)
  }

  /// One training step.
  private func step() throws {
    stepsDone += 1
    _ = try engine.step(stepsDone, learningRate: Self.learningRate, from: images)
  }

  var modelName: String { replica.architecture.name }
  var parameterLayout: ParameterLayout { replica.parameterLayout }

  /// The timed steps, where `Options.recordsSteps`; with one micro-batch a step.
  var trace: StepTrace? { recorder?.trace }

}
