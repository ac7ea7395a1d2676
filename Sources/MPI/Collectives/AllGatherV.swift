/// Blocks of different lengths from all ranks, put together on every rank.

internal import CMPI

extension Communicator {
  /// Puts the ranks' blocks at their places. All ranks give the same layout.
  /// - Parameters:
  ///   - source: [layout.count(of: rank)]; may be empty.
  ///   - destination: [layout.extent] or longer; elements between the blocks are left alone.
  ///   - layout: where each rank's block lies in `destination`.
  ///
  /// The corresponding MPI function is `MPI_Allgatherv`.
  public func allGatherV<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, into destination: UnsafeMutableBufferPointer<Element>,
    _ layout: BlockLayout
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Allgatherv"
    requireOwnBlock(source, layout, operation)
    layout.checkFits(destination.count, self, operation)
    try check(
      MPI_Allgatherv(
        source.baseAddress, Int32(source.count), Element.datatype.handle,
        destination.baseAddress, layout.counts, layout.displacements, Element.datatype.handle,
        handle),
      operation)
  }

  /// Puts the blocks together where this rank's block is already in its place.
  /// The corresponding MPI function is `MPI_Allgatherv` with `MPI_IN_PLACE`.
  public func allGatherV<Element: MPIDatatype>(
    inPlace buffer: UnsafeMutableBufferPointer<Element>, _ layout: BlockLayout
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Allgatherv"
    layout.checkFits(buffer.count, self, operation)
    try check(
      MPI_Allgatherv(
        shim_in_place(), 0, Element.datatype.handle,
        buffer.baseAddress, layout.counts, layout.displacements, Element.datatype.handle, handle),
      operation)
  }

  /// Starts an all-gather of uneven blocks; the request keeps the layout.
  /// The corresponding MPI function is `MPI_Iallgatherv`.
  public func iAllGatherV<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, into destination: UnsafeMutableBufferPointer<Element>,
    _ layout: BlockLayout
  ) throws(MPIError) -> Request {
    let operation: StaticString = "MPI_Iallgatherv"
    requireOwnBlock(source, layout, operation)
    layout.checkFits(destination.count, self, operation)
    return try Request(operation, layout: layout) {
      MPI_Iallgatherv(
        source.baseAddress, Int32(source.count), Element.datatype.handle,
        destination.baseAddress, layout.counts, layout.displacements, Element.datatype.handle,
        handle, $0)
    }
  }

  /// Starts an all-gather of uneven blocks in place; the request keeps the layout.
  /// The corresponding MPI function is `MPI_Iallgatherv` with `MPI_IN_PLACE`.
  public func iAllGatherV<Element: MPIDatatype>(
    inPlace buffer: UnsafeMutableBufferPointer<Element>, _ layout: BlockLayout
  ) throws(MPIError) -> Request {
    let operation: StaticString = "MPI_Iallgatherv"
    layout.checkFits(buffer.count, self, operation)
    return try Request(operation, layout: layout) {
      MPI_Iallgatherv(
        shim_in_place(), 0, Element.datatype.handle,
        buffer.baseAddress, layout.counts, layout.displacements, Element.datatype.handle,
        handle, $0)
    }
  }

  /// Every rank's array, by rank; lengths may differ.
  public func allGather<Element: MPIDatatype>(
    _ values: [Element]
  ) throws(MPIError) -> [[Element]] {
    let layout = try BlockLayout(counts: try allGather(values.count))
    let all = try sending(values) { (source) throws(MPIError) in
      try received(layout.extent) { (destination) throws(MPIError) in
        try allGatherV(source, into: destination, layout)
      }
    }
    return (0..<size).map { Array(all[layout.range(of: $0)]) }
  }

  /// Every rank's string, by rank.
  public func allGather(_ string: String) throws(MPIError) -> [String] {
    try allGather(Array(string.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  private func requireOwnBlock<Element>(
    _ source: UnsafeBufferPointer<Element>, _ layout: BlockLayout, _ operation: StaticString
  ) {
    require(
      rank < layout.blocks && source.count == layout.count(of: rank),
      "\(operation): \(source.count) elements where the layout has another count for rank \(rank)")
  }
}
