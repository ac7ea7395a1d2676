/// `resnet-dist doctor`: will this run, started like this, work, and how fast?

import Console
import Distributed
import Foundation
import Kernels
import MPI
import Networks
import Runs
import Settings
import System

/// One `resnet-dist doctor`.
package struct Doctor {
  private let configuration: TrainingConfiguration
  private let ranks: ProcessGroup

  /// - Parameter configuration: of the run that will be started.
  package init(_ configuration: TrainingConfiguration, ranks: ProcessGroup) {
    (self.configuration, self.ranks) = (configuration, ranks)
  }

  /// Measures for some seconds; the result is rank 0's, nil on others. Collective.
  ///
  /// - Throws: `CollectiveFailure` where the ranks were started with different settings.
  package func examine() throws -> Examination? {
    try ranks.agree(on: configuration.values)
    return try ranks.endTogether {
      let facts = try allRanks()
      let meter = LinkMeter(ranks)
      var examination = Examination(
        mpiLibrary: MPIEnvironment.libraryName, blasLibrary: MatrixProduct.libraryVersion,
        ranks: facts, threadsWereGiven: configuration.parallel.threads != nil,
        links: try meter.links(), allReduce: nil, clocks: [])
      examination.clocks = try meter.clocks(examination.hosts)
      do {
        switch configuration.detection.task {
        case .classification:
          let preview = try ClassificationPreview(configuration, ranks: ranks)
          try look(at: preview, meter, &examination)
          (examination.step, examination.loading) = try measure(preview)
        case .detection:
          let preview = try DetectionPreview(configuration, ranks: ranks)
          try look(at: preview, meter, &examination)
          examination.step = try BenchmarkRun(preview, seconds: 2, ranks: ranks).measure().result
        }
      } catch let failure as CollectiveFailure {
        examination.failure = .init(rank: failure.rank, reason: failure.reason)
      }
      return ranks.isFirst ? examination : nil
    }
  }

  /// What the run is and needs, and its sums over all ranks. Collective.
  private func look(
    at preview: any RunPreview, _ meter: borrowing LinkMeter, _ examination: inout Examination
  ) throws {
    examination.run = try run(preview)
    examination.allReduce = try meter.allReduce(count: preview.architecture.parameterCount)
  }

  private func allRanks() throws -> [Examination.Rank] {
    let threads =
      configuration.detection.task == .detection ? 1 : try configuration.threads(on: ranks)
    let processors = ThreadAllocation.allowedProcessors()
    let load = ProcessorTopology.load
    let speeds = try RankSpeed.measure(on: ranks, threads: threads)
    let own = Examination.Rank(
      host: ProcessInfo.processInfo.hostName,
      processorName: ProcessorTopology.name ?? ProcessorTarget.instructionSet,
      hasTiles: ProcessorTarget.hasTiles, bf16Speedup: Precision.bf16.measureSpeedup(),
      processors: processors.sorted(),
      cores: ProcessorTopology.cores(of: processors),
      machineProcessors: ThreadAllocation.cores, processorQuota: ProcessorTopology.quota,
      load: load, threads: threads, idleBlasThreads: MatrixProduct.idleThreads,
      programSha256: (try? SHA256.hexadecimal(ofFile: "/proc/self/exe")) ?? "",
      transports: OpenMPIComponents.transports, availableMemory: AvailableMemory.read()?.bytes,
      speed: speeds[ranks.rank])
    return try ranks.control.allGather(
      String(decoding: try JSONEncoder().encode(own), as: UTF8.self)
    ).map { try JSONDecoder().decode(Examination.Rank.self, from: Data($0.utf8)) }
  }

  /// What the run is and needs. Collective.
  private func run(_ preview: any RunPreview) throws -> Examination.Run {
    let folder = configuration.run.directory ?? RunFolder.defaultParent
    let disk = try? DiskSpace(of: folder)
    let epochs = preview.timeline.epochs
    return .init(
      model: preview.model, isDetector: configuration.detection.task == .detection,
      precision: configuration.network.precision,
      trainingImages: preview.trainingImages, testImages: preview.testImages,
      evaluationShare: preview.evaluationShare, batchSize: configuration.parallel.batchSize,
      shards: preview.shards, epochs: epochs, steps: preview.timeline.steps,
      evaluations: (epochs + configuration.run.evaluateEvery - 1) / configuration.run.evaluateEvery,
      checkpointBytes: preview.checkpointBytes,
      keptCheckpoints: configuration.run.keepCheckpoints,
      maximumSeconds: configuration.run.maximumTime,
      skipsBadImages: configuration.data.badImages == .skip,
      memoryBytes: try ranks.control.allGather(preview.memory.total),
      folder: disk?.folder ?? folder, freeDiskBytes: disk?.free,
      folderIsWritable: disk?.isWritable ?? false)
  }

  /// The training step without images, and the images without a training step. Collective.
  private func measure(
    _ preview: ClassificationPreview
  ) throws -> (step: BenchmarkResult, loading: DataBenchmarkResult) {
    var untraced = configuration
    untraced.run.timeline = nil
    let run = try BenchmarkRun(
      untraced,
      options: .init(
        imageSize: preview.data.inputShape.height, classes: preview.data.train.classCount,
        steps: nil, seconds: 2, warmUp: 1, layers: false), ranks: ranks)
    let step = try run.measure().result
    // Bad ones are a finding, not the end.
    var tolerant = configuration
    tolerant.data.badImages = .skip
    let loading = DataBenchmark(tolerant, data: preview.data, seconds: 2, ranks: ranks)
    return (step, try loading.measure())
  }
}
