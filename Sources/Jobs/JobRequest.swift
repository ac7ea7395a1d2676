/// The settings of a batch job: scheduler, nodes, time limit, and the arguments of `resnet-dist`.

import Distributed

package struct JobRequest: Hashable, Sendable {
  package enum Scheduler: String, CaseIterable, Sendable {
    case slurm, pbs, lsf, kubernetes
  }

  /// What starts the ranks of a Slurm job.
  package enum Launcher: String, CaseIterable, Sendable {
    case mpirun, srun
  }

  package var scheduler: Scheduler
  /// Of the job, and of the run's folder below `runs`.
  package var name = "resnet-dist"
  package var nodes = 1
  package var ranksPerNode = 1
  /// Of each rank, and the cores that it is bound to.
  package var threads = 1
  /// The limit in seconds; nil: the queue's.
  package var seconds: Int?
  /// Slurm's partition; nil: the default.
  package var queue: String?
  package var account: String?
  /// Of each node, such as 64G; nil: the queue's.
  package var memory: String?
  package var launcher = Launcher.mpirun
  /// An Apptainer file, on Kubernetes an image; nil: the nodes' own installation.
  package var container: String?
  /// What the user gave for the run.
  package var given: [String] = []
  /// The same with what a job needs beside it.
  package var arguments: [String] = []
  /// Runs of a sweep, each an element of a job array; nil: one job does everything.
  package var arrayLength: Int?

  package init(_ scheduler: Scheduler) { self.scheduler = scheduler }

  /// The shortest limit: half of it is for work.
  package static let leastSeconds = 240

  package var ranks: Int { nodes * ranksPerNode }

  /// Whether a sweep's runs can be elements of a job array: those that queue themselves again.
  package var hasArrays: Bool {
    switch scheduler {
    case .slurm, .lsf: true
    case .pbs, .kubernetes: false
    }
  }

  /// The script or manifest.
  ///
  /// - Throws: `JobError` where the scheduler has no such thing.
  package func text() throws(JobError) -> String {
    try check()
    let lines =
      switch scheduler {
      case .slurm: slurmScript
      case .pbs: pbsScript
      case .lsf: lsfScript
      case .kubernetes: kubernetesManifest
      }
    return lines.map { $0 + "\n" }.joined()
  }

  private func check() throws(JobError) {
    let isKubernetes = scheduler == .kubernetes
    let label = #/[A-Za-z0-9]([A-Za-z0-9._-]{0,60}[A-Za-z0-9])?/#
    let lowercaseLabel = #/[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?/#
    guard name.wholeMatch(of: isKubernetes ? lowercaseLabel : label) != nil else {
      throw .badName(name, scheduler)
    }
    for (flag, value) in [("--queue", queue), ("--account", account)] {
      if let value, value.wholeMatch(of: #/[A-Za-z0-9._@:-]+/#) == nil {
        throw .badWord(flag: flag, value: value)
      }
    }
    if let memory, memory.wholeMatch(of: #/[1-9][0-9]*[MGT]/#) == nil {
      throw .badMemory(memory)
    }
    if launcher == .srun, scheduler != .slurm { throw .notThere("--launcher srun", scheduler) }
    if scheduler == .lsf, memory != nil { throw .lsfMemory }
    guard isKubernetes else { return }
    guard container != nil else { throw .kubernetesWithoutImage }
    let absent = [
      ("--time", seconds != nil), ("--queue", queue != nil), ("--account", account != nil),
    ]
    if let flag = absent.first(where: \.1)?.0 { throw .notThere(flag, scheduler) }
  }
}

/// A job cannot be written as requested.
package enum JobError: UsageError, Hashable, CustomStringConvertible {
  case badName(String, JobRequest.Scheduler)
  case badWord(flag: String, value: String)
  case badMemory(String)
  case notThere(String, JobRequest.Scheduler)
  case lsfMemory
  case kubernetesWithoutImage
  /// Threads that would have no shard of the mini-batch to work on.
  case idleThreads(threads: Int, ranks: Int, shards: Int)

  package var description: String {
    switch self {
    case .badName(let name, .kubernetes):
      "--name \(name): expected lower-case letters, digits and dashes, at most 52 characters"
    case .badName(let name, .slurm), .badName(let name, .pbs), .badName(let name, .lsf):
      "--name \(name): expected letters, digits, dots and dashes, at most 62 characters"
    case .badWord(let flag, let value): "\(flag) \(value): expected a name without spaces"
    case .badMemory(let text): "--memory \(text): expected a number with its unit, such as 64G"
    case .notThere(let flag, let scheduler):
      "\(flag) means nothing for --scheduler \(scheduler.rawValue): leave it out"
    case .lsfMemory:
      "LSF counts memory by job, host or slot, as the cluster is configured: leave --memory out and add "
        + "your cluster's #BSUB line by hand"
    case .kubernetesWithoutImage:
      "--scheduler kubernetes needs --container: an image made from launch/container/Dockerfile"
    case .idleThreads(let threads, let ranks, let shards):
      "\(ranks) ranks × \(threads) threads share \(shards) logical shards, and a thread needs one of its "
        + "own: add --shards \(ranks * threads) to the run's arguments, or use fewer threads"
    }
  }
}
