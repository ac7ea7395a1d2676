/// Waiting until every rank has come.

internal import CMPI

extension Communicator {
  /// Returns when all ranks have called it. The corresponding MPI function is `MPI_Barrier`.
  public func barrier() throws(MPIError) {
    try check(MPI_Barrier(handle), "MPI_Barrier")
  }

  /// A barrier that is passed when the request is done.
  /// The corresponding MPI function is `MPI_Ibarrier`.
  public func iBarrier() throws(MPIError) -> Request {
    try Request("MPI_Ibarrier") { MPI_Ibarrier(handle, $0) }
  }
}
