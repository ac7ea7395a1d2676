/// Equal blocks from all ranks, put together on every rank.

internal import CMPI

extension Communicator {
  /// Puts the ranks' blocks together in rank order.
  /// - Parameters:
  ///   - source: [count], the same count on every rank.
  ///   - destination: [size, count].
  ///
  /// The corresponding MPI function is `MPI_Allgather`.
  public func allGather<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, into destination: UnsafeMutableBufferPointer<Element>
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Allgather"
    requireBlocks(source.count, in: destination.count, operation)
    let count = try mpiCount(source.count, operation)
    try check(
      MPI_Allgather(
        source.baseAddress, count, Element.datatype.handle,
        destination.baseAddress, count, Element.datatype.handle, handle),
      operation)
  }

  /// Puts the blocks together where this rank's block is already in its place.
  /// - Parameter buffer: [size, count].
  ///
  /// The corresponding MPI function is `MPI_Allgather` with `MPI_IN_PLACE`.
  public func allGather<Element: MPIDatatype>(
    inPlace buffer: UnsafeMutableBufferPointer<Element>
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Allgather"
    requireBlocks(buffer.count / size, in: buffer.count, operation)
    let count = try mpiCount(buffer.count / size, operation)
    try check(
      MPI_Allgather(
        shim_in_place(), count, Element.datatype.handle,
        buffer.baseAddress, count, Element.datatype.handle, handle),
      operation)
  }

  /// Starts an all-gather. The corresponding MPI function is `MPI_Iallgather`.
  public func iAllGather<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, into destination: UnsafeMutableBufferPointer<Element>
  ) throws(MPIError) -> Request {
    let operation: StaticString = "MPI_Iallgather"
    requireBlocks(source.count, in: destination.count, operation)
    let count = try mpiCount(source.count, operation)
    return try Request(operation) {
      MPI_Iallgather(
        source.baseAddress, count, Element.datatype.handle,
        destination.baseAddress, count, Element.datatype.handle, handle, $0)
    }
  }

  /// Every rank's value, by rank.
  public func allGather<Element: MPIDatatype>(_ value: Element) throws(MPIError) -> [Element] {
    try sending([value]) { (source) throws(MPIError) in
      try received(size) { (destination) throws(MPIError) in
        try allGather(source, into: destination)
      }
    }
  }

  private func requireBlocks(_ count: Int, in total: Int, _ operation: StaticString) {
    require(
      total == count * size,
      "\(operation): \(size) blocks of \(count) elements in a buffer of \(total)")
  }
}
