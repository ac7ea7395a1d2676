/// What the launcher (mpirun, srun) tells a process through its environment, before MPI starts.

import Glibc

/// This process's place in a job, read from environment variables only: MPI is not called, so a
/// program can decide whether to initialize it and which rank should print a usage error.
public struct LaunchedProcess: Hashable, Sendable {
  public enum Launcher: Hashable, Sendable {
    /// Open MPI's `mpirun`, of this version or another.
    case openMPI
    /// A batch system that speaks PMIx, such as `srun --mpi=pmix`.
    case pmix
    /// A launcher that speaks PMI-1 or PMI-2, such as Hydra of MPICH and Intel MPI, or `srun --mpi=pmi2`.
    case pmi
    /// `mpirun_rsh` of MVAPICH.
    case mvapich
    /// `srun` without any of these.
    case slurm

    /// The variable that tells how many processes there are.
    var sizeVariable: String {
      switch self {
      case .openMPI: "OMPI_COMM_WORLD_SIZE"
      case .pmi: "PMI_SIZE"
      case .mvapich: "MV2_COMM_WORLD_SIZE"
      case .pmix, .slurm: "SLURM_STEP_NUM_TASKS"
      }
    }
  }

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
      size = number(launcher.sizeVariable)
      localRank = number("OMPI_COMM_WORLD_LOCAL_RANK")
    } else if let rank = number("PMIX_RANK") {
      self.rank = rank
      launcher = .pmix
      size = number(launcher.sizeVariable)
      localRank = number("SLURM_LOCALID")
    } else if let rank = number("PMI_RANK") {
      self.rank = rank
      launcher = .pmi
      size = number(launcher.sizeVariable)
      localRank = number("MPI_LOCALRANKID")
    } else if let rank = number("MV2_COMM_WORLD_RANK") {
      self.rank = rank
      launcher = .mvapich
      size = number(launcher.sizeVariable)
      localRank = number("MV2_COMM_WORLD_LOCAL_RANK")
    } else if let rank = number("SLURM_PROCID"), value("SLURM_STEP_ID") != nil {
      self.rank = rank
      launcher = .slurm
      size = number(launcher.sizeVariable)
      localRank = number("SLURM_LOCALID")
    } else {
      return nil
    }
  }
}
