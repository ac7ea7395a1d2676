/// A thread that runs one function.

import Glibc
package import SystemPackage

/// Runs its body from the beginning on; whoever made it waits for its end with `join`.
package final class WorkerThread {
  private var thread = pthread_t()

  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// - Throws: the system's error, such as that it has no thread left.
  package init(_ body: @escaping @Sendable () -> Void) throws(Errno) {
    let context = Unmanaged.passRetained(Body(body))
    let status = pthread_create(
      &thread, nil,
      { raw in
        Unmanaged<Body>.fromOpaque(raw!).takeRetainedValue().run()
        return nil
      }, context.toOpaque())
    if status != 0 {
      context.release()
      throw Errno(rawValue: status)
    }
  }

  /// Waits until the body has returned. Once.
  package func join() { pthread_join(thread, nil) }
}
