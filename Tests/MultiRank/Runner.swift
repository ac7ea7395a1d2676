/// A test runner for code that runs on several ranks: every rank runs every check, and a check passes
/// when it passes on all of them.

import Glibc
import MPI
import Synchronization

/// A named property, checked by all ranks together.
struct Check: Sendable {
  /// A sentence saying what holds.
  let name: String
  /// On fewer ranks the check is skipped.
  let minimumRanks: Int
  /// Gets a communicator of its own, so that messages a failed check left behind reach no other.
  let body: @Sendable (Communicator) throws -> Void

  init(
    _ name: String, minimumRanks: Int = 1,
    _ body: @escaping @Sendable (Communicator) throws -> Void
  ) {
    self.name = name
    self.minimumRanks = minimumRanks
    self.body = body
  }
}

/// What the running check has found wrong on this rank.
private let failures = Mutex<[String]>([])

/// Records a failure of the running check unless `condition` holds; the check goes on, so that the
/// ranks stay in step.
func expect(
  _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID,
  line: UInt = #line
) {
  guard !condition else { return }
  let text = "\(message()) (\(file):\(line))"
  failures.withLock { $0.append(text) }
}

func expectEqual<Value: Equatable>(
  _ actual: Value, _ expected: Value, _ what: @autoclosure () -> String,
  file: StaticString = #fileID, line: UInt = #line
) {
  expect(
    actual == expected, "\(what()): got \(actual), expected \(expected)", file: file, line: line)
}

/// Records a failure unless `body` throws the error of the given operation and class.
func expectError(
  _ operation: String, _ errorClass: MPIError.ErrorClass, file: StaticString = #fileID,
  line: UInt = #line, _ body: () throws -> Void
) {
  do {
    try body()
    expect(false, "no error from \(operation)", file: file, line: line)
  } catch let error as MPIError {
    expect(
      error.operation == operation && error.errorClass == errorClass,
      "expected an error of class \(errorClass.rawValue) from \(operation), got: \(error)",
      file: file, line: line)
  } catch {
    expect(false, "expected an MPIError from \(operation), got: \(error)", file: file, line: line)
  }
}

/// Runs the checks whose names contain `filter` on all ranks of the world and returns the process's
/// exit code, the same on every rank: 0 when all passed.
///
/// Rank 0 prints `ok name`, `skipped name: reason` or `FAILED name: rank r: message`, and in the end
/// `N passed, N failed`. A check in which a rank waits in vain ends the job after a while.
func run(_ checks: [Check], filter: String) throws -> Int32 {
  let world = Communicator.world
  let watchdog = Watchdog()
  var passed = 0
  var failed = 0
  for check in checks where filter.isEmpty || check.name.contains(filter) {
    guard world.size >= check.minimumRanks else {
      report("skipped \(check.name): needs \(check.minimumRanks) ranks", on: world)
      continue
    }
    watchdog.expect(
      within: 60, "FAILED \(check.name): rank \(world.rank): still running after 60 s")
    let found = runOne(check, on: try world.duplicate())
    if !found.isEmpty {
      watchdog.expect(
        within: 10,
        "FAILED \(check.name): rank \(world.rank): \(found[0]); the other ranks did not finish")
    }
    let failuresInAll = try world.allReduce(found.count, .sum)
    watchdog.rest()
    if failuresInAll == 0 {
      passed += 1
      report("ok \(check.name)", on: world)
    } else {
      failed += 1
      for (rank, text) in try world.allGather(found.joined(separator: "; ")).enumerated()
      where !text.isEmpty {
        report("FAILED \(check.name): rank \(rank): \(text)", on: world)
      }
    }
  }
  report("\(passed) passed, \(failed) failed", on: world)
  // A rank that ends with an error code makes mpirun end the others: first let rank 0 print.
  try world.barrier()
  return passed > 0 && failed == 0 ? 0 : 1
}

/// What the check finds wrong on this rank.
private func runOne(_ check: Check, on communicator: Communicator) -> [String] {
  failures.withLock { $0 = [] }
  do {
    try check.body(communicator)
  } catch {
    failures.withLock { $0.append("threw \(error)") }
  }
  return failures.withLock { $0 }
}

private func report(_ line: String, on world: Communicator) {
  guard world.rank == 0 else { return }
  print(line)
  fflush(nil)
}
