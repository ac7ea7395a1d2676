/// The example of `GettingStarted`: control data as values and arrays.

import MPI

// example
/// The mean of one number of each rank, and the rank that has the largest.
func meanAndLargest(
  _ value: Double, _ communicator: Communicator
) throws(MPIError) -> (mean: Double, rank: Int) {
  let sum = try communicator.allReduce(value, .sum)
  let values = try communicator.allGather(value)
  let largest = values.indices.max { values[$0] < values[$1] }!
  return (sum / Double(communicator.size), largest)
}
// end

let meanExample = Check("example: the mean over all ranks, and the largest") { communicator in
  let (rank, size) = (communicator.rank, communicator.size)
  let result = try meanAndLargest(Double(rank), communicator)
  expectEqual(result.mean, Double(size - 1) / 2, "mean")
  expectEqual(result.rank, size - 1, "largest")
}
