/// Blocks from all ranks, put together on one rank.

internal import CMPI

extension Communicator {
  /// Puts the ranks' equal blocks together on the root.
  /// - Parameters:
  ///   - source: [count], the same count on every rank.
  ///   - destination: [size, count] on the root; not used elsewhere and may be empty.
  ///   - root: the rank that gathers, the same on every rank.
  ///
  /// The corresponding MPI function is `MPI_Gather`.
  public func gather<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, into destination: UnsafeMutableBufferPointer<Element>,
    root: Int = 0
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Gather"
    require(
      rank != root || destination.count == source.count * size,
      "\(operation): \(size) blocks of \(source.count) elements into \(destination.count)")
    let count = try mpiCount(source.count, operation)
    try check(
      MPI_Gather(
        source.baseAddress, count, Element.datatype.handle,
        destination.baseAddress, count, Element.datatype.handle, mpiRoot(root, operation), handle),
      operation)
  }

  /// Puts the ranks' blocks at their places on the root.
  /// - Parameters:
  ///   - source: [layout.count(of: rank)]; may be empty.
  ///   - destination: [layout.extent] or longer on the root; not used elsewhere.
  ///   - layout: where each rank's block lies in `destination`, the same on every rank.
  ///   - root: the rank that gathers, the same on every rank.
  ///
  /// The corresponding MPI function is `MPI_Gatherv`.
  public func gatherV<Element: MPIDatatype>(
    _ source: UnsafeBufferPointer<Element>, into destination: UnsafeMutableBufferPointer<Element>,
    _ layout: BlockLayout, root: Int = 0
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Gatherv"
    layout.checkFits(rank == root ? destination.count : layout.extent, self, operation)
    require(
      source.count == layout.count(of: rank),
      "\(operation): \(source.count) elements for a block of \(layout.count(of: rank))")
    try check(
      MPI_Gatherv(
        source.baseAddress, Int32(source.count), Element.datatype.handle,
        destination.baseAddress, layout.counts, layout.displacements, Element.datatype.handle,
        mpiRoot(root, operation), handle),
      operation)
  }

  /// Every rank's array on the root, by rank; lengths may differ. Empty on other ranks.
  public func gather<Element: MPIDatatype>(
    _ values: [Element], root: Int = 0
  ) throws(MPIError) -> [[Element]] {
    let layout = try BlockLayout(counts: try allGather(values.count))
    let all = try sending(values) { (source) throws(MPIError) in
      try received(rank == root ? layout.extent : 0) { (destination) throws(MPIError) in
        try gatherV(source, into: destination, layout, root: root)
      }
    }
    return rank == root ? (0..<size).map { Array(all[layout.range(of: $0)]) } : []
  }

  /// Every rank's string on the root, by rank. Empty on other ranks.
  public func gather(_ string: String, root: Int = 0) throws(MPIError) -> [String] {
    try gather(Array(string.utf8), root: root).map { String(decoding: $0, as: UTF8.self) }
  }
}
