/// What `doctor` has measured, before anybody judges it.

import Networks

/// All ranks' facts and measurements; keys of its JSON are stable.
package struct Examination: Codable, Sendable {
  /// A rank, as it sees itself.
  package struct Rank: Codable, Sendable {
    package var host: String
    package var processorName: String
    /// Whether its processor multiplies bfloat16 in AMX's tiles.
    package var hasTiles: Bool
    /// How many times as fast as fp32's products of bf16 are on one core.
    package var bf16Speedup: Double
    /// The processors that it may run on, by number.
    package var processors: [Int]
    /// Cores that these belong to: hyper-threads share one.
    package var cores: Int
    /// Of its machine.
    package var machineProcessors: Int
    /// Processors' worth of time that its container may use; nil: no limit.
    package var processorQuota: Double?
    /// Processes of its machine that wanted to run in the last minute.
    package var load: Double
    package var threads: Int
    package var idleBlasThreads: Int
    /// SHA-256 of the program.
    package var programSha256: String
    /// Open MPI's components for messages, such as `btl_vader`; empty: unknown.
    package var transports: [String]
    /// Memory that its machine, control group or limits leave, in bytes; nil: unknown.
    package var availableMemory: Int?
    /// Convolutions a second, all ranks at work.
    package var speed: Double
  }

  /// Two ranks that sent each other messages while others did, too.
  package struct Link: Codable, Sendable {
    package var from: Int
    package var to: Int
    /// Seconds for a short message in one direction.
    package var latencySeconds: Double
    package var bytesPerSecond: Double
  }

  /// A sum over all ranks, as gradients are summed.
  package struct AllReduce: Codable, Sendable {
    package var bytes: Int
    package var seconds: Double
  }

  /// How far a host's clock is ahead of rank 0's.
  package struct Clock: Codable, Sendable {
    package var host: String
    package var offsetSeconds: Double
    /// What the network's latency leaves open.
    package var uncertaintySeconds: Double
  }

  /// The run that was asked about.
  package struct Run: Codable, Sendable {
    package var model: String
    package var isDetector: Bool
    package var precision: Precision
    package var trainingImages: Int
    package var testImages: Int
    /// The time that a test of an image takes, over that of training it.
    package var evaluationShare: Double
    package var batchSize: Int
    package var shards: Int
    package var epochs: Int
    package var steps: Int
    package var evaluations: Int
    /// Of one checkpoint.
    package var checkpointBytes: Int
    package var keptCheckpoints: Int
    /// `--max-time` in seconds; nil: none.
    package var maximumSeconds: Int?
    /// Whether bad images are replaced.
    package var skipsBadImages: Bool
    /// Of each rank, in bytes.
    package var memoryBytes: [Int]
    /// Folder of its checkpoints, or the nearest above it that exists.
    package var folder: String
    /// Bytes; nil: unknown.
    package var freeDiskBytes: Int?
    package var folderIsWritable: Bool
  }

  /// Why the run cannot be started.
  package struct Failure: Codable, Sendable {
    package var rank: Int
    package var reason: String
  }

  package var mpiLibrary: String
  package var blasLibrary: String
  package var ranks: [Rank]
  /// Whether threads of ranks were set by `--threads`.
  package var threadsWereGiven: Bool
  package var links: [Link]
  /// Nil of one rank.
  package var allReduce: AllReduce?
  package var clocks: [Clock]
  package var failure: Failure?
  /// Nil where it failed.
  package var run: Run?
  /// The training step, of classifiers without loading images; nil where it failed.
  package var step: BenchmarkResult?
  /// The images without a training step; nil where it failed, and of detectors, whose step loads them.
  package var loading: DataBenchmarkResult?

  /// Hosts by their ranks, in the order of their first.
  package var hosts: [(name: String, ranks: [Int])] {
    var hosts: [(name: String, ranks: [Int])] = []
    for (rank, facts) in ranks.enumerated() {
      if let index = hosts.firstIndex(where: { $0.name == facts.host }) {
        hosts[index].ranks.append(rank)
      } else {
        hosts.append((facts.host, [rank]))
      }
    }
    return hosts
  }

  /// Threads of all ranks of a host.
  func threads(of host: (name: String, ranks: [Int])) -> Int {
    host.ranks.reduce(0) { $0 + ranks[$1].threads }
  }

  /// The processors that any rank of a host may run on.
  func processors(of host: (name: String, ranks: [Int])) -> Set<Int> {
    Set(host.ranks.flatMap { ranks[$0].processors })
  }
}
