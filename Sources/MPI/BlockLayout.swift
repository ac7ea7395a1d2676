/// Where each rank's block is in a buffer, for the collectives with uneven counts.

/// Counts and displacements in elements, one of each per rank, made once and used at every step.
///
/// A class, because MPI reads them until a non-blocking collective is done: its request keeps them.
/// `@unchecked Sendable`: the memory that the pointers point to is written in `init` only.
public final class BlockLayout: @unchecked Sendable {
  let counts: UnsafeMutablePointer<Int32>
  let displacements: UnsafeMutablePointer<Int32>

  /// The number of blocks, that is of ranks.
  public let blocks: Int
  /// The elements that a buffer must have to hold every block.
  public let extent: Int

  /// Blocks one after the other. Counts may be 0.
  public convenience init(counts: [Int]) throws(MPIError) {
    var displacements: [Int] = []
    var sum = 0
    for count in counts {
      displacements.append(sum)
      sum += count
    }
    try self.init(counts: counts, displacements: displacements)
  }

  /// Blocks anywhere in the buffer; blocks that are received may not overlap.
  public init(counts: [Int], displacements: [Int]) throws(MPIError) {
    require(
      counts.count == displacements.count,
      "a layout has \(counts.count) counts but \(displacements.count) displacements")
    require(
      counts.allSatisfy { $0 >= 0 } && displacements.allSatisfy { $0 >= 0 },
      "a layout's counts and displacements must be 0 and up: \(counts), \(displacements)")
    var extent = 0
    for (count, displacement) in zip(counts, displacements) {
      extent = max(extent, displacement + count)
    }
    _ = try mpiCount(extent, "BlockLayout")
    _ = try mpiCount(displacements.max() ?? 0, "BlockLayout")

    self.blocks = counts.count
    self.extent = extent
    self.counts = .allocate(capacity: counts.count)
    self.displacements = .allocate(capacity: counts.count)
    for block in counts.indices {
      (self.counts + block).initialize(to: Int32(counts[block]))
      (self.displacements + block).initialize(to: Int32(displacements[block]))
    }
  }

  deinit {
    counts.deallocate()
    displacements.deallocate()
  }

  /// The elements of a rank's block.
  public func count(of rank: Int) -> Int { Int(counts[checked(rank)]) }

  /// The first element of a rank's block.
  public func displacement(of rank: Int) -> Int { Int(displacements[checked(rank)]) }

  /// The elements of a rank's block, as indices of the buffer.
  public func range(of rank: Int) -> Range<Int> {
    displacement(of: rank)..<displacement(of: rank) + count(of: rank)
  }

  /// Whether the blocks stand one after the other, in rank order, without gaps.
  var isContiguous: Bool {
    var next = 0
    for rank in 0..<blocks {
      if displacement(of: rank) != next { return false }
      next += count(of: rank)
    }
    return true
  }

  private func checked(_ rank: Int) -> Int {
    require(rank >= 0 && rank < blocks, "rank \(rank) is not among the layout's \(blocks)")
    return rank
  }

  /// Checks the layout against the communicator and the buffer it describes.
  func checkFits(_ elements: Int, _ communicator: Communicator, _ operation: StaticString) {
    require(
      blocks == communicator.size,
      "\(operation): a layout of \(blocks) blocks on a communicator of \(communicator.size) ranks")
    require(
      elements >= extent,
      "\(operation): the layout needs \(extent) elements, the buffer has \(elements)")
  }
}
