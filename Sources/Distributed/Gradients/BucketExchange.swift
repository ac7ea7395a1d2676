/// The network stage of a reduction: hosts sum a bucket among themselves.

/// One host's side of the sum of a bucket's segment over all hosts; started once a step.
protocol BucketExchange: AnyObject {
  /// Starts the sum of the host's own values, which it will overwrite.
  func start() throws
  /// Takes the steps whose messages have arrived; never waits. Returns whether the sum is complete.
  func advance() throws -> Bool
  /// A rank whose message is still missing, once started.
  var missingRank: Int? { get }
}
