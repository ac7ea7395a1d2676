/// Checks that ranks fail together: one says it, none waits.

import Distributed
import MPI

private struct Broken: Error, CustomStringConvertible {
  let description: String
}

private struct BadFlag: UsageError, CustomStringConvertible {
  var description: String { "bad flag" }
}

let failureChecks: [Check] = [
  Check("when some ranks fail, all get the lowest one's failure") { communicator in
    let ranks = try ProcessGroup(world: communicator)
    let failing = (0..<communicator.size).filter { $0 % 3 == communicator.size % 3 }
    do {
      try ranks.together {
        if failing.contains(communicator.rank) {
          throw Broken(description: "rank \(communicator.rank) is broken")
        }
      }
      expect(failing.isEmpty, "nothing was thrown")
    } catch let failure as CollectiveFailure {
      expectEqual(failure.rank, failing[0], "the rank that says it")
      expectEqual(failure.reason, "rank \(failing[0]) is broken", "the reason")
      expectEqual(failure.exitCode, ExitCode.failure, "the exit code")
    }
  },
  Check("a usage error keeps its exit code on all ranks") { communicator in
    let ranks = try ProcessGroup(world: communicator)
    do {
      try ranks.onFirst { throw BadFlag() }
      expect(false, "nothing was thrown")
    } catch let failure as CollectiveFailure {
      expectEqual(failure.rank, 0, "the rank that says it")
      expectEqual(failure.exitCode, ExitCode.usage, "the exit code")
    }
  },
  Check("what succeeds returns each rank's own result, and the first rank's only there") {
    communicator in
    let ranks = try ProcessGroup(world: communicator)
    expectEqual(try ranks.together { communicator.rank * 2 }, communicator.rank * 2, "together")
    expectEqual(try ranks.onFirst { 7 }, communicator.rank == 0 ? 7 : nil, "onFirst")
  },
  Check("ranks with different values are told the key and both values", minimumRanks: 2) {
    communicator in
    let ranks = try ProcessGroup(world: communicator)
    try ranks.agree(on: [("lr", "0.1"), ("seed", "1")])
    let last = communicator.size - 1
    do {
      try ranks.agree(on: [("lr", "0.1"), ("seed", communicator.rank == last ? "2" : "1")])
      expect(false, "nothing was thrown")
    } catch let failure as CollectiveFailure {
      expect(
        failure.reason.contains("seed is 1 on rank 0 and 2 on rank \(last)"), failure.reason)
      expectEqual(failure.exitCode, ExitCode.usage, "the exit code")
    }
  },
]
