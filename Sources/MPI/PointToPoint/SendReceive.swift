/// Sending to one rank while receiving from another, without deadlock.

internal import CMPI

extension Communicator {
  /// Exchanges messages; the buffers may not overlap and may differ in length.
  /// The corresponding MPI function is `MPI_Sendrecv`.
  @discardableResult
  public func sendReceive<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, to target: Int,
    into destination: UnsafeMutableBufferPointer<Element>, from origin: Int?, tag: Int = 0
  ) throws(MPIError) -> ReceivedStatus {
    let operation: StaticString = "MPI_Sendrecv"
    let tag = try mpiTag(tag, operation)
    var status = ReceivedStatus()
    try check(
      MPI_Sendrecv(
        source.baseAddress, mpiCount(source.count, operation), Element.datatype.handle,
        mpiRank(target, operation), tag,
        destination.baseAddress, mpiCount(destination.count, operation), Element.datatype.handle,
        mpiSource(origin, operation), tag, handle, &status.native),
      operation)
    return status
  }

  /// Exchanges the buffer's elements for as many others.
  /// The corresponding MPI function is `MPI_Sendrecv_replace`.
  @discardableResult
  public func sendReceive<Element: MPIDatatype>(
    replacing buffer: UnsafeMutableBufferPointer<Element>, to target: Int, from origin: Int?,
    tag: Int = 0
  ) throws(MPIError) -> ReceivedStatus {
    let operation: StaticString = "MPI_Sendrecv_replace"
    let tag = try mpiTag(tag, operation)
    var status = ReceivedStatus()
    try check(
      MPI_Sendrecv_replace(
        buffer.baseAddress, mpiCount(buffer.count, operation), Element.datatype.handle,
        mpiRank(target, operation), tag, mpiSource(origin, operation), tag, handle,
        &status.native),
      operation)
    return status
  }
}
