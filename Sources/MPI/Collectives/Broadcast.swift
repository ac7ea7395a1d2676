/// One rank's data to all ranks.

internal import CMPI

extension Communicator {
  /// Copies the root's buffer into everyone's; all have the same length.
  /// The corresponding MPI function is `MPI_Bcast`.
  public func broadcast<Element: MPIDatatype>(
    _ buffer: UnsafeMutableBufferPointer<Element>, root: Int = 0
  ) throws(MPIError) {
    let operation: StaticString = "MPI_Bcast"
    try check(
      MPI_Bcast(
        buffer.baseAddress, mpiCount(buffer.count, operation), Element.datatype.handle,
        mpiRoot(root, operation), handle),
      operation)
  }

  /// Starts a broadcast. The corresponding MPI function is `MPI_Ibcast`.
  public func iBroadcast<Element: MPIDatatype>(
    _ buffer: UnsafeMutableBufferPointer<Element>, root: Int = 0
  ) throws(MPIError) -> Request {
    let operation: StaticString = "MPI_Ibcast"
    let count = try mpiCount(buffer.count, operation)
    let root = try mpiRoot(root, operation)
    return try Request(operation) {
      MPI_Ibcast(buffer.baseAddress, count, Element.datatype.handle, root, handle, $0)
    }
  }

  /// The root's value, on every rank.
  public func broadcast<Element: MPIDatatype>(
    _ value: Element, root: Int = 0
  ) throws(MPIError) -> Element {
    try updated([value]) { (buffer) throws(MPIError) in try broadcast(buffer, root: root) }[0]
  }

  /// The root's array, on every rank; the others' arrays are ignored and may differ in length.
  public func broadcast<Element: MPIDatatype>(
    _ values: [Element], root: Int = 0
  ) throws(MPIError) -> [Element] {
    let count = try broadcast(values.count, root: root)
    if rank == root {
      return try updated(values) { (buffer) throws(MPIError) in
        try broadcast(buffer, root: root)
      }
    }
    return try received(count) { (buffer) throws(MPIError) in try broadcast(buffer, root: root) }
  }

  /// The root's string, on every rank; the others' strings are ignored.
  public func broadcast(_ string: String, root: Int = 0) throws(MPIError) -> String {
    String(decoding: try broadcast(Array(string.utf8), root: root), as: UTF8.self)
  }
}
