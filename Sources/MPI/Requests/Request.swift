/// An operation in flight.

internal import CMPI

/// What a non-blocking call returns; it must be waited for. The corresponding MPI type is
/// `MPI_Request`.
///
/// Until ``wait()`` has returned or ``test()`` has said true, MPI reads or writes the operation's
/// buffer: it must stay allocated, must not be written, and for receives and collectives not be read.
///
/// A request that is dropped earlier ends the process with a message naming the operation. Waiting
/// in `deinit` could wait for ever, since the usual way to drop a request is an error that other ranks
/// do not share; freeing it would let MPI write into memory that has a new owner. So catch errors
/// where the requests live and ``Communicator/abort(code:reason:)`` there.
public struct Request: ~Copyable {
  /// The MPI function that started the operation.
  public let operation: StaticString
  var handle: MPI_Request?
  /// Counts and displacements that MPI reads while the operation runs.
  let layout: BlockLayout?
  private var status = ReceivedStatus()

  /// Starts an operation: `start` gives the request that MPI made.
  init(
    _ operation: StaticString, layout: BlockLayout? = nil,
    _ start: (UnsafeMutablePointer<MPI_Request?>) -> Int32
  ) throws(MPIError) {
    var handle: MPI_Request? = shim_request_null()
    try check(start(&handle), operation)
    self.operation = operation
    self.handle = handle
    self.layout = layout
  }

  /// Whether `test()` has said that the operation is done.
  public var isDone: Bool { handle == nil }

  deinit {
    if handle != nil { Self.dropped(operation) }
  }

  static func dropped(_ operation: StaticString) -> Never {
    let cause = lastError.withLock { $0 }.map { " (the last MPI error was: \($0))" } ?? ""
    misuse("a request of \(operation) was dropped without waiting for it\(cause)")
  }

  /// Waits until the operation is done. The status describes the message of a receive, and nothing
  /// for other operations. The corresponding MPI function is `MPI_Wait`.
  @discardableResult
  public consuming func wait() throws(MPIError) -> ReceivedStatus {
    // A copy: Swift 6.2 takes two fields of a consumed value for overlapping accesses.
    var status = status
    if handle != nil {
      let code = MPI_Wait(&handle, &status.native)
      handle = nil
      try check(code, operation)
    }
    return status
  }

  /// Whether the operation is done; drives progress of all operations. Never waits.
  /// After true, ``wait()`` returns at once with the status.
  /// The corresponding MPI function is `MPI_Test`.
  public mutating func test() throws(MPIError) -> Bool {
    guard handle != nil else { return true }
    var isDone: Int32 = 0
    let code = MPI_Test(&handle, &isDone, &status.native)
    if code != MPI_SUCCESS || isDone != 0 { handle = nil }
    try check(code, operation)
    return isDone != 0
  }

  /// Gives up the handle to a new owner.
  consuming func release() -> MPI_Request? {
    let released = handle
    handle = nil
    return released
  }
}
