/// A group of processes that communicate among themselves, apart from all other groups.

internal import CMPI

/// The corresponding MPI type is `MPI_Comm`.
///
/// A class because a communicator has identity: a duplicate has the same ranks but its messages
/// never meet those of the original. Collectives must be called by all its ranks in the same order.
///
/// Not `Sendable`: below ``ThreadLevel/multiple``, MPI may not be called by two threads at once,
/// and a communicator is freed by whichever thread drops it.
public final class Communicator {
  let handle: MPI_Comm
  private let isPredefined: Bool

  /// This process's number in the communicator, in `0..<size`.
  /// The corresponding MPI function is `MPI_Comm_rank`.
  public let rank: Int
  /// The number of processes. The corresponding MPI function is `MPI_Comm_size`.
  public let size: Int

  /// Takes over a communicator that MPI made; its errors are thrown.
  init(adopting handle: MPI_Comm) throws(MPIError) {
    try check(MPI_Comm_set_errhandler(handle, shim_errors_return()), "MPI_Comm_set_errhandler")
    self.handle = handle
    isPredefined = false
    (rank, size) = Self.place(in: handle)
  }

  private init(predefined handle: MPI_Comm) {
    require(
      MPIEnvironment.isActive,
      "a communicator was used before MPIEnvironment.init or after finalize")
    self.handle = handle
    isPredefined = true
    (rank, size) = Self.place(in: handle)
  }

  private static func place(in handle: MPI_Comm) -> (rank: Int, size: Int) {
    var rank: Int32 = 0
    var size: Int32 = 0
    MPI_Comm_rank(handle, &rank)
    MPI_Comm_size(handle, &size)
    return (Int(rank), Int(size))
  }

  /// All processes of the job. The corresponding MPI constant is `MPI_COMM_WORLD`.
  public static var world: Communicator { Communicator(predefined: shim_comm_world()) }

  /// This process alone. The corresponding MPI constant is `MPI_COMM_SELF`.
  public static var selfOnly: Communicator { Communicator(predefined: shim_comm_self()) }

  /// Frees the communicator, unless MPI owns it or has ended. Open MPI does this without waiting for
  /// other ranks, and not before pending operations are done.
  /// The corresponding MPI function is `MPI_Comm_free`.
  deinit {
    if !isPredefined, MPIEnvironment.isActive {
      var handle: MPI_Comm? = handle
      MPI_Comm_free(&handle)
    }
  }
}
