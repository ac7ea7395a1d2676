/// What this process has used so far (`getrusage`).

import Foundation

package enum ResourceUsage {
  /// The largest resident size.
  package static var peakResidentBytes: Int { current.ru_maxrss * 1024 }

  /// Seconds that processors have worked for this process.
  package static var processorSeconds: Double {
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    let usage = current
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  private static var current: rusage {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage
  }
}
