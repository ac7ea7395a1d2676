/// Many operations in flight, completed in any order.

internal import CMPI

/// Owns requests, which an array cannot. Each has a key of the caller's choosing, such as the number
/// of a gradient bucket, that its completion is reported by.
///
/// As with ``Request``, buffers belong to MPI until completion, and dropping a set that is not empty
/// ends the process. After an error the set is empty, and its buffers must not be used again.
public struct RequestSet: ~Copyable {
  private var handles: [MPI_Request?] = []
  private var operations: [StaticString] = []
  private var layouts: [BlockLayout?] = []
  private var keys: [Int] = []
  /// Room for MPI's answers, as long as `handles`.
  private var positions: [Int32] = []
  private var statuses: [MPI_Status] = []

  public init() {}

  deinit {
    if let first = operations.first { Request.dropped(first) }
  }

  /// The operations not yet known to be done.
  public var count: Int { handles.count }
  public var isEmpty: Bool { handles.isEmpty }

  /// Adds a request that is not known to be done; keys need not be unique.
  public mutating func insert(_ request: consuming Request, key: Int = 0) {
    require(!request.isDone, "a request of \(request.operation) is done and needs no request set")
    operations.append(request.operation)
    layouts.append(request.layout)
    handles.append(request.release())
    keys.append(key)
    positions.append(0)
    statuses.append(MPI_Status())
  }

  /// Waits for all, and throws as soon as one fails. The corresponding MPI function is
  /// `MPI_Waitany`, once for each: `MPI_Waitall` of Open MPI 4.1 never returns when a request has
  /// already failed.
  public mutating func waitAll() throws(MPIError) {
    while try waitAny() != nil {}
  }

  /// Whether all are done; drives progress, never waits.
  public mutating func testAll() throws(MPIError) -> Bool {
    _ = try testSome()
    return isEmpty
  }

  /// Removes those that are done and returns their keys; drives progress, never waits.
  /// The corresponding MPI function is `MPI_Testsome`.
  public mutating func testSome() throws(MPIError) -> [Int] {
    guard !isEmpty else { return [] }
    var done: Int32 = 0
    let code = MPI_Testsome(Int32(count), &handles, &done, &positions, &statuses)
    if code != MPI_SUCCESS {
      let failed = (0..<max(0, Int(done))).first { statuses[$0].MPI_ERROR != MPI_SUCCESS }
      if code == MPI_ERR_IN_STATUS, let failed {
        try fail(statuses[failed].MPI_ERROR, at: Int(positions[failed]), "MPI_Testsome")
      }
      try fail(code, at: nil, "MPI_Testsome")
    }
    return done > 0 ? remove(Int(done)) : []
  }

  /// Waits for one and returns its key; nil when the set is empty.
  /// The corresponding MPI function is `MPI_Waitany`.
  public mutating func waitAny() throws(MPIError) -> Int? {
    guard !isEmpty else { return nil }
    let code = MPI_Waitany(Int32(count), &handles, &positions[0], &statuses[0])
    if code != MPI_SUCCESS { try fail(code, at: Int(positions[0]), "MPI_Waitany") }
    return remove(1).first
  }

  /// Empties the set and throws the error of the operation at `position`, by its own name where MPI
  /// tells which one failed.
  private mutating func fail(
    _ code: Int32, at position: Int?, _ completion: StaticString
  ) throws(MPIError) {
    let failed = position.flatMap { operations.indices.contains($0) ? operations[$0] : nil }
    removeAll()
    throw MPIError(code: code, operation: failed ?? completion)
  }

  /// Removes the operations at the first `done` of `positions` and returns their keys.
  private mutating func remove(_ done: Int) -> [Int] {
    let finished = positions[..<done].map { Int($0) }
    let result = finished.map { keys[$0] }
    for position in finished.sorted(by: >) {
      handles.swapRemove(position)
      operations.swapRemove(position)
      layouts.swapRemove(position)
      keys.swapRemove(position)
    }
    positions.removeLast(done)
    statuses.removeLast(done)
    return result
  }

  private mutating func removeAll() {
    handles.removeAll(keepingCapacity: true)
    operations.removeAll(keepingCapacity: true)
    layouts.removeAll(keepingCapacity: true)
    keys.removeAll(keepingCapacity: true)
    positions.removeAll(keepingCapacity: true)
    statuses.removeAll(keepingCapacity: true)
  }
}

extension Array {
  /// Removes an element by moving the last one into its place.
  fileprivate mutating func swapRemove(_ position: Int) {
    swapAt(position, count - 1)
    removeLast()
  }
}
