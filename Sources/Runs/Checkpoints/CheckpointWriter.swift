/// Writes checkpoints while training goes on.

import Distributed
import Optimizers
import Synchronization
import System

/// Rank 0's thread that writes: at most one checkpoint at a time.
///
/// Used by one thread, which `finish`es a checkpoint before it begins the next.
final class CheckpointWriter {
  /// A checkpoint that was written.
  struct Written: Sendable {
    let step: Int
    /// Of its parameters.
    let sha256: String
    /// Seconds that it took.
    let seconds: Double
    /// When it was on disk, in seconds since 1970.
    let time: Double
  }

  /// What the thread leaves behind.
  private final class Outcome: Sendable {
    let result = Mutex<Result<Written, any Error>?>(nil)
  }

  private let files: RunFiles
  private let snapshot: StateSnapshot
  private var thread: WorkerThread?
  private let outcome = Outcome()
  /// The newest checkpoint that was written.
  private(set) var newest: Written?
  /// Seconds of the slowest so far.
  private(set) var slowest = 0.0

  /// - Parameter snapshot: where the state is copied to.
  init(_ files: RunFiles, _ snapshot: StateSnapshot) {
    self.files = files
    self.snapshot = snapshot
  }

  deinit { settle() }

  /// Copies the present state, and begins to write it; `state` lacks its digest of the parameters.
  func begin(_ state: CheckpointState, _ engine: TrainingEngine, average: WeightAverage?) {
    precondition(thread == nil, "one checkpoint at a time")
    snapshot.take(engine, average: average)
    let write = { @Sendable [files, snapshot, outcome] in
      let began = MonotonicClock.now
      let result = Result {
        var state = state
        let contents = snapshot.contents
        state.parametersSHA256 = contents.weights.sha256
        try files.save(state, contents)
        return Written(
          step: state.step, sha256: state.parametersSHA256, seconds: MonotonicClock.now - began,
          time: WallClock.now)
      }
      outcome.result.withLock { $0 = result }
    }
    // Without a thread the run waits.
    do { thread = try WorkerThread(write) } catch { write() }
  }

  /// Whether the checkpoint that was begun cannot be written.
  var hasFailed: Bool {
    outcome.result.withLock { if case .failure = $0 { true } else { false } }
  }

  /// The newest checkpoint on disk, that of a thread which has just ended included.
  var lastWritten: Written? {
    outcome.result.withLock { if case .success(let written) = $0 { written } else { newest } }
  }

  /// Waits until the checkpoint that was begun is on disk, or cannot be.
  func settle() {
    thread?.join()
    thread = nil
  }

  /// Waits until the checkpoint that was begun is on disk.
  ///
  /// - Throws: why it could not be written.
  func finish() throws {
    settle()
    let result = outcome.result.withLock { result in
      defer { result = nil }
      return result
    }
    guard let written = try result?.get() else { return }
    newest = written
    slowest = max(slowest, written.seconds)
  }
}
