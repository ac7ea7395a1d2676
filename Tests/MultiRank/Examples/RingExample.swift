/// The example of point-to-point messages in `RequestsAndBuffers`.

import MPI

// example
/// Passes each rank's block to the next rank, and returns the previous one's.
func shift(_ block: [Int32], _ communicator: Communicator) throws(MPIError) -> [Int32] {
  let (rank, size) = (communicator.rank, communicator.size)
  let next = (rank + 1) % size
  let previous = (rank + size - 1) % size
  if size == 1 { return block }
  // Even ranks send first, odd ones receive first, so that no two wait for each other.
  if rank % 2 == 0 {
    try communicator.send(block, to: next)
    return try communicator.receive(Int32.self, from: previous)
  }
  let received = try communicator.receive(Int32.self, from: previous)
  try communicator.send(block, to: next)
  return received
}
// end

let ringExample = Check("example: blocks move around a ring") { communicator in
  let (rank, size) = (communicator.rank, communicator.size)
  let block = Array(repeating: Int32(rank), count: rank + 1)
  let previous = (rank + size - 1) % size
  expectEqual(
    try shift(block, communicator), Array(repeating: Int32(previous), count: previous + 1), "block")
}
