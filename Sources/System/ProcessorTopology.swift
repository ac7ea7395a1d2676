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

  /// Processors' worth of time that this process may use, in a container or a batch job; nil: no limit.
  package static var quota: Double? { quota(root: "/") }

  /// The least that its control groups of version 2 or 1 allow, the parents included.
  ///
  /// - Parameter root: the folder that holds `proc` and `sys`.
  package static func quota(root: String) -> Double? {
    func words(_ path: String) -> [Double?] {
      ProcFile.text("\(root)/\(path)").split(whereSeparator: \.isWhitespace).map { Double($0) }
    }
    var quotas: [Double] = []
    for line in ProcFile.text("\(root)/proc/self/cgroup").split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isUnified = parts[1].isEmpty
      guard isUnified || parts[1].split(separator: ",").contains("cpu") else { continue }
      // In a container the group's own path may not exist: then the top is the container's group.
      var path = parts[2].split(separator: "/")
      while true {
        let group = path.map { "/\($0)" }.joined()
        let limit =
          isUnified
          ? words("sys/fs/cgroup\(group)/cpu.max")
          : words("sys/fs/cgroup/cpu\(group)/cpu.cfs_quota_us")
            + words("sys/fs/cgroup/cpu\(group)/cpu.cfs_period_us")
        // No limit is "max" in version 2 and -1 in version 1.
        if limit.count == 2, let time = limit[0], let period = limit[1], time > 0, period > 0 {
          quotas.append(time / period)
        }
        if path.isEmpty { break }
        path.removeLast()
      }
    }
    return quotas.min()
  }

  /// Processes that wanted to run in the last minute, on average.
  package static var load: Double {
    ProcFile.text("/proc/loadavg").split(separator: " ").first.flatMap { Double($0) } ?? 0
  }
}
