/// The system's clocks, in seconds.

import Foundation

/// `CLOCK_MONOTONIC`: the same on all processes of a host, and never set back.
package enum MonotonicClock {
  package static var now: Double { seconds(CLOCK_MONOTONIC) }
}

/// `CLOCK_REALTIME`: the time of day, which hosts have in common as well as their clocks are set.
package enum WallClock {
  package static var now: Double { seconds(CLOCK_REALTIME) }
}

private func seconds(_ clock: clockid_t) -> Double {
  var time = timespec()
  clock_gettime(clock, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

extension Duration {
  /// The duration in seconds.
  package var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
