/// A block from every rank to every rank.

internal import CMPI

extension Communicator {
  /// Sends block j to rank j and gets block i from rank i.
  /// - Parameters:
  ///   - source: [size, count].
  ///   - destination: [size, count].
  ///
  /// The corresponding MPI function is `MPI_Alltoall`.
  public func allToAll<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, into destination: UnsafeMutableBufferPointer<Element>
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Alltoall"
    require(
      source.count == destination.count && source.count % size == 0,
      "\(operation): \(source.count) elements into \(destination.count), for \(size) ranks")
    let count = try mpiCount(source.count / size, operation)
    try check(
      MPI_Alltoall(
        source.baseAddress, count, Element.datatype.handle,
        destination.baseAddress, count, Element.datatype.handle, handle),
      operation)
  }

  /// As above with blocks of different lengths.
  /// - Parameters:
  ///   - source: block j, placed by `sent`, goes to rank j.
  ///   - destination: block i, placed by `received`, comes from rank i, whose `sent` must give this
  ///     rank the same count.
  ///   - sent: where the block for each rank lies in `source`.
  ///   - received: where the block of each rank is put in `destination`.
  ///
  /// The corresponding MPI function is `MPI_Alltoallv`.
  public func allToAllV<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, _ sent: BlockLayout,
    into destination: UnsafeMutableBufferPointer<Element>, _ received: BlockLayout
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Alltoallv"
    sent.checkFits(source.count, self, operation)
    received.checkFits(destination.count, self, operation)
    try check(
      MPI_Alltoallv(
        source.baseAddress, sent.counts, sent.displacements, Element.datatype.handle,
        destination.baseAddress, received.counts, received.displacements,
        Element.datatype.handle, handle),
      operation)
  }
}
