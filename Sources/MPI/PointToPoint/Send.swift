/// Sending a message to one rank.

internal import CMPI

extension Communicator {
  /// Sends the elements; returns when the buffer may be used again, which for long messages is when
  /// the receiver takes them. The corresponding MPI function is `MPI_Send`.
  public func send<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, to rank: Int, tag: Int = 0
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Send"
    try check(
      MPI_Send(
        source.baseAddress, mpiCount(source.count, operation), Element.datatype.handle,
        mpiRank(rank, operation), mpiTag(tag, operation), handle),
      operation)
  }

  /// Sends a small array.
  public func send<Element: MPIDatatype>(
    _ values: [Element], to rank: Int, tag: Int = 0
  ) throws(MPIError) {
    try sending(values) { (buffer) throws(MPIError) in try send(buffer, to: rank, tag: tag) }
  }

  /// Starts sending. The corresponding MPI function is `MPI_Isend`.
  public func iSend<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, to rank: Int, tag: Int = 0
  ) throws(MPIError) -> Request {
    let operation: StaticString = "MPI_Isend"
    let count = try mpiCount(source.count, operation)
    let partner = try mpiRank(rank, operation)
    let tag = try mpiTag(tag, operation)
    return try Request(operation) {
      MPI_Isend(
        source.baseAddress, count, Element.datatype.handle, partner, tag, handle, $0)
    }
  }
}
