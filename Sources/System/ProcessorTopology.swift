/// What the system says of processors: their name, their cores, and how busy they are.

import Foundation

package enum ProcessorTopology {
  /// The model's name; nil where the system does not say (arm64).
  package static var name: String? {
    ProcFile.text("/proc/cpuinfo").split(separator: "\n").first { $0.hasPrefix("model name") }?
      .split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
  }

  /// The cores that these processors, which are threads of cores, belong to.
  package static func cores(of processors: Set<Int>) -> Int {
    let siblings = processors.map {
      let siblings = ProcFile.text("/sys/devices/system/cpu/cpu\($0)/topology/thread_siblings_list")
      return siblings.isEmpty ? "\($0)" : siblings
    }
    return Set(siblings).count
  }

  /// Processors' worth of time that a container may use; nil: no limit.
  package static var quota: Double? {
    let parts = ProcFile.text("/sys/fs/cgroup/cpu.max").split(whereSeparator: \.isWhitespace)
    guard parts.count == 2, let quota = Double(parts[0]), let period = Double(parts[1]), period > 0
    else { return nil }
    return quota / period
  }

  /// Processes that wanted to run in the last minute, on average.
  package static var load: Double {
    ProcFile.text("/proc/loadavg").split(separator: " ").first.flatMap { Double($0) } ?? 0
  }
}
