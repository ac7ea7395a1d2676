/// A thread that ends the process when a check takes too long, so that ranks waiting for each other
/// fail instead of hanging.

import Glibc
import Synchronization

final class Watchdog: Sendable {
  private struct Deadline {
    var seconds: Double
    var message: String
  }

  private let deadline = Mutex<Deadline?>(nil)

  init() {
    var thread = pthread_t()
    let context = Unmanaged.passRetained(self).toOpaque()
    pthread_create(
      &thread, nil,
      { context in
        Unmanaged<Watchdog>.fromOpaque(context!).takeUnretainedValue().watch()
        return nil
      }, context)
    pthread_detach(thread)
  }

  /// From now on, `message` is printed and the process ended unless another call comes in time.
  func expect(within seconds: Double, _ message: String) {
    deadline.withLock { $0 = Deadline(seconds: Self.now + seconds, message: message) }
  }

  /// Nothing is expected for now.
  func rest() {
    deadline.withLock { $0 = nil }
  }

  private func watch() {
    while true {
      usleep(200_000)
      guard let deadline = deadline.withLock({ $0 }), Self.now > deadline.seconds else { continue }
      let line = Array("\(deadline.message)\n".utf8)
      _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      // The other ranks' lines are worth waiting for; mpirun ends what is left.
      usleep(500_000)
      _exit(1)
    }
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
