/// Processes that were started as one job, and that MPI would run as jobs of one process each.

/// Why MPI cannot join the processes that a launcher started.
///
/// The launcher is that of another MPI library, or a batch system that does not speak PMIx. Without this check
/// each process would do the whole work by itself.
public struct LaunchMismatch: Error, Hashable, CustomStringConvertible {
  /// This process, as its launcher describes it.
  public let process: LaunchedProcess

  public var description: String {
    let remedy =
      "the mpirun of \(MPIEnvironment.libraryName), or with srun --mpi=pmix inside a Slurm job"
    return switch process.launcher {
    case .slurm:
      "srun started this program without PMIx, so MPI cannot join its processes: start it with \(remedy) "
        + "(srun --mpi=list tells whether Slurm has it)"
    case .openMPI, .pmix, .pmi, .mvapich:
      "the launcher started \(process.size ?? 1) processes (\(process.launcher.sizeVariable)), but MPI sees "
        + "one: the launcher belongs to another MPI library. Start the program with \(remedy)"
    }
  }
}

extension LaunchedProcess {
  /// Throws if it is known that the processes of this job cannot be ranks of one world.
  ///
  /// Call it before MPI is initialized, where `srun` without PMIx is found out, which MPI would end with a page
  /// of text, and again when the world is known.
  ///
  /// - Parameter worldSize: ranks in the world; nil: MPI is not initialized yet.
  public func checkWorld(size worldSize: Int?) throws(LaunchMismatch) {
    let isAlone =
      if let worldSize { worldSize == 1 && (size ?? 1) > 1 } else { launcher == .slurm }
    if isAlone { throw LaunchMismatch(process: self) }
  }
}
