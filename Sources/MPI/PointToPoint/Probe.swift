/// Looking at messages before receiving them, and driving progress.

internal import CMPI

extension Communicator {
  /// Waits for a message and describes it; it is still to be received.
  /// The corresponding MPI function is `MPI_Probe`.
  public func probe(from rank: Int?, tag: Int? = 0) throws(MPIError) -> ReceivedStatus {
    let operation: StaticString = "MPI_Probe"
    var status = ReceivedStatus()
    try check(
      MPI_Probe(
        mpiSource(rank, operation), mpiTagOrAny(tag, operation), handle, &status.native),
      operation)
    return status
  }

  /// Describes a message that has arrived, or returns nil. Never waits.
  /// The corresponding MPI function is `MPI_Iprobe`.
  public func iProbe(from rank: Int?, tag: Int? = 0) throws(MPIError) -> ReceivedStatus? {
    let operation: StaticString = "MPI_Iprobe"
    var status = ReceivedStatus()
    var hasArrived: Int32 = 0
    try check(
      MPI_Iprobe(
        mpiSource(rank, operation), mpiTagOrAny(tag, operation), handle, &hasArrived,
        &status.native),
      operation)
    return hasArrived != 0 ? status : nil
  }

  /// Lets the library work on operations in flight, on any communicator. Never waits.
  ///
  /// MPI moves data only while it is called: a long computation between the start of an operation
  /// and its wait hides nothing unless it calls this, or a request's `test()`, now and then.
  public func progress() throws(MPIError) {
    _ = try iProbe(from: nil, tag: nil)
  }
}
