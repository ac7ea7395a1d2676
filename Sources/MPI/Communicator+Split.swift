/// New communicators from old: duplicates and parts. All ranks of the old one must take part.

internal import CMPI

extension Communicator {
  /// The same processes with the same ranks, their messages kept apart from this communicator's.
  /// The corresponding MPI function is `MPI_Comm_dup`.
  public func duplicate() throws(MPIError) -> Communicator {
    var copy: MPI_Comm? = shim_comm_null()
    try check(MPI_Comm_dup(handle, &copy), "MPI_Comm_dup")
    return try Communicator(adopting: copy!)
  }

  /// The part that shares this rank's `color`, ranked by `key`, equal keys by rank here.
  /// - Parameters:
  ///   - color: 0 and up.
  ///   - key: the order of the ranks in the part.
  ///
  /// The corresponding MPI function is `MPI_Comm_split`.
  public func split(color: Int, key: Int = 0) throws(MPIError) -> Communicator {
    try split(color: Optional(color), key: key)!
  }

  /// As above; ranks whose color is nil take part in the call and get nil.
  /// The corresponding MPI function is `MPI_Comm_split` with `MPI_UNDEFINED`.
  public func split(color: Int?, key: Int = 0) throws(MPIError) -> Communicator? {
    let operation: StaticString = "MPI_Comm_split"
    guard let nativeKey = Int32(exactly: key), let nativeColor = Int32(exactly: color ?? 0),
      nativeColor >= 0
    else {
      throw MPIError(
        .other, operation: operation,
        text: "color \(color ?? 0) must be 0 and up, key \(key) must fit 32 bits")
    }
    var part: MPI_Comm? = shim_comm_null()
    try check(
      MPI_Comm_split(handle, color == nil ? MPI_UNDEFINED : nativeColor, nativeKey, &part),
      operation)
    return part == shim_comm_null() ? nil : try Communicator(adopting: part!)
  }

  /// The processes that can share memory with this one: those on the same host, in rank order.
  /// The corresponding MPI function is `MPI_Comm_split_type` with `MPI_COMM_TYPE_SHARED`.
  public func splitBySharedMemory() throws(MPIError) -> Communicator {
    var part: MPI_Comm? = shim_comm_null()
    try check(
      MPI_Comm_split_type(handle, shim_comm_type_shared(), 0, shim_info_null(), &part),
      "MPI_Comm_split_type")
    return try Communicator(adopting: part!)
  }
}
