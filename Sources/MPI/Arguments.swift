/// Checks of arguments that are thrown as errors: counts, ranks, roots and tags, in MPI's `int`.

internal import CMPI

/// `count` as MPI-3 takes it. Counts beyond `Int32.max` throw: cutting a collective into pieces
/// would change its order of summation, so the caller decides where to cut.
func mpiCount(_ count: Int, _ operation: StaticString) throws(MPIError) -> Int32 {
  guard let narrow = Int32(exactly: count) else {
    throw MPIError(
      .count, operation: operation,
      text: "\(count) elements in one call; MPI-3 counts end at \(Int32.max), use several calls")
  }
  return narrow
}

/// A user's tag: 0 and up; the library's upper limit is checked by MPI.
func mpiTag(_ tag: Int, _ operation: StaticString) throws(MPIError) -> Int32 {
  guard let narrow = Int32(exactly: tag), narrow >= 0 else {
    throw MPIError(.tag, operation: operation, text: "tag \(tag) is not in 0...\(Int32.max)")
  }
  return narrow
}

extension Communicator {
  /// The rank of a partner. Checked here because MPI gives -1 and -2 meanings of their own.
  func mpiRank(_ rank: Int, _ operation: StaticString) throws(MPIError) -> Int32 {
    guard rank >= 0, rank < size else {
      throw MPIError(
        .rank, operation: operation, text: "rank \(rank) is not in 0..<\(size)")
    }
    return Int32(rank)
  }

  func mpiRoot(_ root: Int, _ operation: StaticString) throws(MPIError) -> Int32 {
    guard root >= 0, root < size else {
      throw MPIError(
        .root, operation: operation, text: "root \(root) is not in 0..<\(size)")
    }
    return Int32(root)
  }

  func mpiSource(_ source: Int?, _ operation: StaticString) throws(MPIError) -> Int32 {
    guard let source else { return MPI_ANY_SOURCE }
    return try mpiRank(source, operation)
  }

  func mpiTagOrAny(_ tag: Int?, _ operation: StaticString) throws(MPIError) -> Int32 {
    guard let tag else { return MPI_ANY_TAG }
    return try mpiTag(tag, operation)
  }
}
