/// The signals that ask a process to stop: noted, so that the work in hand can be finished first.

import Glibc
import Synchronization

/// SIGUSR1 (batch systems before a job's end; `mpirun` forwards it at once), SIGTERM and SIGINT.
///
/// The first is only noted. A second one, at least a second later, ends the process at once: `mpirun` and
/// a batch system may both deliver the same request.
package enum StopSignals {
  private static let first = Atomic<Int32>(0)
  /// Milliseconds of the monotonic clock.
  private static let firstTime = Atomic<Int>(0)
  private static let numbers = [SIGUSR1, SIGTERM, SIGINT]

  /// From now on the signals are noted; one that came before stays noted.
  package static func watch() {
    // The handler must find these made: it may not wait for their first use elsewhere.
    _ = (first.load(ordering: .relaxed), firstTime.load(ordering: .relaxed))
    var action = sigaction()
    // A system call in progress continues.
    action.sa_flags = SA_RESTART
    action.__sigaction_handler = .init(sa_handler: { StopSignals.note($0) })
    for number in numbers { sigaction(number, &action, nil) }
  }

  /// The signal that came, such as `SIGUSR1`; nil: none.
  package static var received: String? {
    switch first.load(ordering: .relaxed) {
    case 0: nil
    case SIGUSR1: "SIGUSR1"
    case SIGTERM: "SIGTERM"
    case SIGINT: "SIGINT"
    case let other: "signal \(other)"
    }
  }

  /// Runs in the signal handler: calls nothing that is not safe there.
  private static func note(_ number: Int32) {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    let now = time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    let (isFirst, _) = first.compareExchange(
      expected: 0, desired: number, ordering: .sequentiallyConsistent)
    if isFirst {
      firstTime.store(now, ordering: .sequentiallyConsistent)
      return
    }
    let began = firstTime.load(ordering: .sequentiallyConsistent)
    if began != 0, now - began >= 1000 { _exit(128 + number) }
  }
}
