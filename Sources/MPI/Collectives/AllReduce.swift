/// Element-wise reduction of all ranks' buffers, the result on every rank.

internal import CMPI

extension Communicator {
  /// Combines the ranks' elements at each position. The buffers are of equal length on all ranks and
  /// do not overlap. The corresponding MPI function is `MPI_Allreduce`.
  public func allReduce<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, into destination: UnsafeMutableBufferPointer<Element>,
    _ reduction: ReduceOperation<Element>
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Allreduce"
    requireEqualCounts(source, destination, operation)
    try check(
      MPI_Allreduce(
        source.baseAddress, destination.baseAddress, mpiCount(source.count, operation),
        Element.datatype.handle, reduction.handle, handle),
      operation)
  }

  /// Combines the ranks' elements at each position, in place.
  /// The corresponding MPI function is `MPI_Allreduce` with `MPI_IN_PLACE`.
  public func allReduce<Element: MPIDatatype>(
    inPlace buffer: UnsafeMutableBufferPointer<Element>, _ reduction: ReduceOperation<Element>
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Allreduce"
    try check(
      MPI_Allreduce(
        shim_in_place(), buffer.baseAddress, mpiCount(buffer.count, operation),
        Element.datatype.handle, reduction.handle, handle),
      operation)
  }

  /// Starts an all-reduce. The corresponding MPI function is `MPI_Iallreduce`.
  public func iAllReduce<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, into destination: UnsafeMutableBufferPointer<Element>,
    _ reduction: ReduceOperation<Element>
  ) throws(MPIError) -> Request {
    let operation: StaticString = "MPI_Iallreduce"
    requireEqualCounts(source, destination, operation)
    let count = try mpiCount(source.count, operation)
    return try Request(operation) {
      MPI_Iallreduce(
        source.baseAddress, destination.baseAddress, count, Element.datatype.handle,
        reduction.handle, handle, $0)
    }
  }

  /// Starts an all-reduce in place.
  /// The corresponding MPI function is `MPI_Iallreduce` with `MPI_IN_PLACE`.
  public func iAllReduce<Element: MPIDatatype>(
    inPlace buffer: UnsafeMutableBufferPointer<Element>, _ reduction: ReduceOperation<Element>
  ) throws(MPIError) -> Request {
    let operation: StaticString = "MPI_Iallreduce"
    let count = try mpiCount(buffer.count, operation)
    return try Request(operation) {
      MPI_Iallreduce(
        shim_in_place(), buffer.baseAddress, count, Element.datatype.handle, reduction.handle,
        handle, $0)
    }
  }

  /// The ranks' values combined.
  public func allReduce<Element: MPIDatatype>(
    _ value: Element, _ reduction: ReduceOperation<Element>
  ) throws(MPIError) -> Element {
    try allReduce([value], reduction)[0]
  }

  /// The ranks' arrays, of equal length, combined position by position.
  public func allReduce<Element: MPIDatatype>(
    _ values: [Element], _ reduction: ReduceOperation<Element>
  ) throws(MPIError) -> [Element] {
    try updated(values) { (buffer) throws(MPIError) in
      try allReduce(inPlace: buffer, reduction)
    }
  }

  /// Whether the condition holds on every rank.
  public func allRanks(_ condition: Bool) throws(MPIError) -> Bool {
    try allReduce(condition ? 1 as UInt8 : 0, .logicalAnd) != 0
  }

  /// Whether the condition holds on some rank.
  public func anyRank(_ condition: Bool) throws(MPIError) -> Bool {
    try allReduce(condition ? 1 as UInt8 : 0, .logicalOr) != 0
  }

  private func requireEqualCounts<Element>(
    _ source: UnsafeBufferPointer<Element>, _ destination: UnsafeMutableBufferPointer<Element>,
    _ operation: StaticString
  ) {
    require(
      source.count == destination.count,
      "\(operation): \(source.count) elements into a buffer of \(destination.count)")
  }
}
