/// What the launcher (mpirun, srun) tells a process through its environment, before MPI starts.

import Glibc

/// This process's place in a job, read from environment variables only: MPI is not called, so a
/// program can decide whether to initialize it and which rank should print a usage error.
public struct LaunchedProcess: Hashable, Sendable {
  public enum Launcher: Hashable, Sendable { case openMPI, pmix, pmi, slurm }

  public let launcher: Launcher
  /// The rank that MPI will give in the world.
  public let rank: Int
  /// Processes in the job; nil where the launcher does not say (PMIx alone).
  public let size: Int?
  /// The rank among the job's processes on this host; nil where the launcher does not say.
  public let localRank: Int?

  /// This process's place, or nil when no launcher started it.
  ///
  /// Read once, at the latest when MPI is initialized: Open MPI sets a launcher's variables itself in
  /// a process that was started without one.
  public static let current: LaunchedProcess? = LaunchedProcess { name in
    getenv(name).map { String(cString: $0) }
  }

  /// The place that the variables given by `value` describe; nil when they describe none.
  ///
  /// Slurm sets `SLURM_PROCID` in batch scripts as well, which are not job steps: it counts only
  /// beside `SLURM_STEP_ID`.
  public init?(environment value: (String) -> String?) {
    func number(_ name: String) -> Int? { value(name).flatMap { Int($0) } }

    if let rank = number("OMPI_COMM_WORLD_RANK") {
      self.rank = rank
      launcher = .openMPI
      size = number("OMPI_COMM_WORLD_SIZE")
      localRank = number("OMPI_COMM_WORLD_LOCAL_RANK")
    } else if let rank = number("PMIX_RANK") {
      self.rank = rank
      launcher = .pmix
      size = number("SLURM_STEP_NUM_TASKS")
      localRank = number("SLURM_LOCALID")
    } else if let rank = number("PMI_RANK") {
      self.rank = rank
      launcher = .pmi
      size = number("PMI_SIZE")
      localRank = number("MPI_LOCALRANKID")
    } else if let rank = number("SLURM_PROCID"), value("SLURM_STEP_ID") != nil {
      self.rank = rank
      launcher = .slurm
      size = number("SLURM_STEP_NUM_TASKS")
      localRank = number("SLURM_LOCALID")
    } else {
      return nil
    }
  }
}
