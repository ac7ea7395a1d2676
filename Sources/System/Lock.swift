/// Mutual exclusion and waiting between threads (POSIX threads).

import Glibc

/// A mutex that a thread locks and unlocks, not reentrant.
///
/// For state that threads also wait on (`Condition`), or that is unlocked in the middle of a function;
/// elsewhere `Synchronization.Mutex` keeps the state with its lock.
package final class Lock: @unchecked Sendable {
  fileprivate let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

  package init() { pthread_mutex_init(mutex, nil) }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  package func lock() { pthread_mutex_lock(mutex) }
  package func unlock() { pthread_mutex_unlock(mutex) }

  package func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
    lock()
    defer { unlock() }
    return try body()
  }
}

/// What threads that hold a lock wait for.
package final class Condition: @unchecked Sendable {
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  /// Waits are timed by the monotonic clock, since anyone may set the other.
  package init() {
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    condition.deallocate()
  }

  /// Unlocks `lock`, waits until another thread signals, and locks it again. May return without a
  /// signal, so the caller checks in a loop what it waits for.
  package func wait(_ lock: Lock) { pthread_cond_wait(condition, lock.mutex) }

  /// The same, and returns after so many seconds in any case.
  package func wait(_ lock: Lock, seconds: Double) {
    let end = MonotonicClock.now + seconds
    var time = timespec()
    time.tv_sec = Int(end)
    time.tv_nsec = Int((end - Double(time.tv_sec)) * 1e9)
    pthread_cond_timedwait(condition, lock.mutex, &time)
  }

  /// Wakes one thread that waits.
  package func signal() { pthread_cond_signal(condition) }

  /// Wakes all threads that wait.
  package func broadcast() { pthread_cond_broadcast(condition) }
}
