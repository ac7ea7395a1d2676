/// Receiving a message from one rank, or from any.

internal import CMPI

extension Communicator {
  /// Receives a message of at most the buffer's length; a longer one throws `truncated`.
  /// - Parameters:
  ///   - destination: filled from its start; the status has the count.
  ///   - rank: the sender; nil receives from any rank.
  ///   - tag: the message's tag; nil receives any tag.
  ///
  /// The corresponding MPI function is `MPI_Recv`.
  @discardableResult
  public func receive<Element: MPIDatatype>(
    into destination: UnsafeMutableBufferPointer<Element>, from rank: Int?, tag: Int? = 0
  ) throws(MPIError) -> ReceivedStatus {
    let operation: StaticString = "MPI_Recv"
    var status = ReceivedStatus()
    try check(
      MPI_Recv(
        destination.baseAddress, mpiCount(destination.count, operation), Element.datatype.handle,
        mpiSource(rank, operation), mpiTagOrAny(tag, operation), handle, &status.native),
      operation)
    return status
  }

  /// Receives a small array of whatever length it was sent with.
  /// The corresponding MPI functions are `MPI_Mprobe` and `MPI_Mrecv`.
  public func receive<Element: MPIDatatype>(
    _ element: Element.Type, from rank: Int?, tag: Int? = 0
  ) throws(MPIError) -> [Element] {
    let operation: StaticString = "MPI_Mprobe"
    var message: MPI_Message?
    var status = ReceivedStatus()
    try check(
      MPI_Mprobe(
        mpiSource(rank, operation), mpiTagOrAny(tag, operation), handle, &message,
        &status.native),
      operation)
    let count = Int32(status.count(of: element) ?? 0)
    return try received(Int(count)) { (buffer) throws(MPIError) in
      try check(
        MPI_Mrecv(
          buffer.baseAddress, count, Element.datatype.handle, &message, &status.native),
        "MPI_Mrecv")
    }
  }

  /// Starts receiving. The corresponding MPI function is `MPI_Irecv`.
  public func iReceive<Element: MPIDatatype>(
    into destination: UnsafeMutableBufferPointer<Element>, from rank: Int?, tag: Int? = 0
  ) throws(MPIError) -> Request {
    let operation: StaticString = "MPI_Irecv"
    let count = try mpiCount(destination.count, operation)
    let partner = try mpiSource(rank, operation)
    let tag = try mpiTagOrAny(tag, operation)
    return try Request(operation) {
      MPI_Irecv(
        destination.baseAddress, count, Element.datatype.handle, partner, tag, handle, $0)
    }
  }
}
