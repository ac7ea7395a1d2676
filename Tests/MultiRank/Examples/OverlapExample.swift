/// The example of `RequestsAndBuffers`: sums that move while the rank computes.

import MPI

// example
/// Sums `gradients` over all ranks in buckets, each on its way while the next one is computed.
///
/// - Parameter compute: fills a bucket.
func sumWhileComputing(
  _ gradients: UnsafeMutableBufferPointer<Float>, buckets: Int, _ communicator: Communicator,
  compute: (UnsafeMutableBufferPointer<Float>) -> Void
) throws(MPIError) {
  let count = gradients.count / buckets
  var requests = RequestSet()
  for bucket in 0..<buckets {
    let part = UnsafeMutableBufferPointer(
      rebasing: gradients[bucket * count..<(bucket + 1) * count])
    compute(part)
    // From here on the bucket belongs to MPI, until its request is done.
    requests.insert(try communicator.iAllReduce(inPlace: part, .sum), key: bucket)
    // MPI moves data only while it is called.
    _ = try requests.testSome()
  }
  try requests.waitAll()
}
// end

let overlapExample = Check("example: buckets are summed while the next one is computed") {
  communicator in
  let gradients = UnsafeMutableBufferPointer<Float>.allocate(capacity: 4096)
  defer { gradients.deallocate() }
  gradients.initialize(repeating: 0)
  try sumWhileComputing(gradients, buckets: 8, communicator) {
    $0.update(repeating: Float(communicator.rank + 1))
  }
  let sum = Float(communicator.size * (communicator.size + 1) / 2)
  expect(gradients.allSatisfy { $0 == sum }, "a bucket is not the sum")
}
