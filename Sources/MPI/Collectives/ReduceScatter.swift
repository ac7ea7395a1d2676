/// Element-wise reduction of all ranks' buffers, each rank keeping one block of the result.

internal import CMPI

extension Communicator {
  /// Combines the ranks' elements at each position; rank r gets block r.
  /// - Parameters:
  ///   - source: [size, count].
  ///   - destination: [count].
  ///   - reduction: how elements are combined.
  ///
  /// The corresponding MPI function is `MPI_Reduce_scatter_block`.
  public func reduceScatter<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, into destination: UnsafeMutableBufferPointer<Element>,
    _ reduction: ReduceOperation<Element>
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Reduce_scatter_block"
    require(
      source.count == destination.count * size,
      "\(operation): \(size) blocks of \(destination.count) elements from \(source.count)")
    _ = try mpiCount(source.count, operation)
    try check(
      MPI_Reduce_scatter_block(
        source.baseAddress, destination.baseAddress, Int32(destination.count),
        Element.datatype.handle, reduction.handle, handle),
      operation)
  }

  /// As above with blocks of different lengths, which follow one another.
  /// - Parameters:
  ///   - source: [layout.extent].
  ///   - destination: [layout.count(of: rank)].
  ///   - layout: the blocks without gaps, the same on every rank.
  ///   - reduction: how elements are combined.
  ///
  /// The corresponding MPI function is `MPI_Reduce_scatter`.
  public func reduceScatter<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, into destination: UnsafeMutableBufferPointer<Element>,
    _ layout: BlockLayout, _ reduction: ReduceOperation<Element>
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Reduce_scatter"
    layout.checkFits(source.count, self, operation)
    require(layout.isContiguous, "\(operation): the blocks must stand one after the other")
    require(
      destination.count == layout.count(of: rank),
      "\(operation): \(layout.count(of: rank)) elements into a buffer of \(destination.count)")
    try check(
      MPI_Reduce_scatter(
        source.baseAddress, destination.baseAddress, layout.counts, Element.datatype.handle,
        reduction.handle, handle),
      operation)
  }

  /// As above in place: the block of rank r is left at the *start* of its buffer, and the rest of
  /// the buffer is undefined.
  /// The corresponding MPI function is `MPI_Reduce_scatter` with `MPI_IN_PLACE`.
  public func reduceScatter<Element: MPIDatatype>(
    inPlace buffer: UnsafeMutableBufferPointer<Element>, _ layout: BlockLayout,
    _ reduction: ReduceOperation<Element>
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Reduce_scatter"
    layout.checkFits(buffer.count, self, operation)
    require(layout.isContiguous, "\(operation): the blocks must stand one after the other")
    try check(
      MPI_Reduce_scatter(
        shim_in_place(), buffer.baseAddress, layout.counts, Element.datatype.handle,
        reduction.handle, handle),
      operation)
  }
}
