/// The example of `SharedMemory`: ranks of a host read each other's memory.

import MPI

// example
/// The sum over the ranks of one host of a vector, read from each rank's own memory.
func sumInSharedMemory(_ values: [Double], _ host: Communicator) throws(MPIError) -> [Double] {
  let window = try SharedWindow(host, bytesPerRank: 64 + values.count * 8)
  func numbers(of rank: Int) -> UnsafeMutableBufferPointer<Double> {
    window.elements(Double.self, of: rank, at: 64, count: values.count)
  }
  _ = numbers(of: host.rank).initialize(fromContentsOf: values)
  window.signal(of: host.rank).raise(to: 1)
  var sum = Array(repeating: 0.0, count: values.count)
  for rank in 0..<host.size {
    // What the rank wrote before it raised its signal is seen after this wait.
    try window.signal(of: rank).wait(for: 1, yields: true) { () throws(MPIError) in
      try host.progress()
    }
    for index in sum.indices { sum[index] += numbers(of: rank)[index] }
  }
  // Nobody leaves before all have read.
  try host.barrier()
  return sum
}
// end

let sharedMemoryExample = Check("example: a host's ranks sum in shared memory") { communicator in
  let host = try communicator.splitBySharedMemory()
  let sum = try sumInSharedMemory([1, Double(host.rank)], host)
  expectEqual(
    sum, [Double(host.size), Double(host.size * (host.size - 1) / 2)], "sum")
}
