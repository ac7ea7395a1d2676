/// Memory that processes may still take: the least of what the machine, its control groups and the
/// process's limits leave.

import Foundation

package struct AvailableMemory: Sendable {
  package let bytes: Int
  /// What sets the limit, for messages.
  package let limit: String

  package init(bytes: Int, limit: String) { (self.bytes, self.limit) = (bytes, limit) }

  /// Reads what the system says; nil where it says nothing.
  ///
  /// - Parameters:
  ///   - root: the folder that holds `proc` and `sys`.
  ///   - addressSpace: bytes of address space that the process may still take; nil: without a limit.
  package static func read(
    root: String = "/", addressSpace: Int? = addressSpaceLeft
  ) -> AvailableMemory? {
    var limits: [AvailableMemory] = []
    if let bytes = MachineMemory.available(root: root) {
      limits.append(.init(bytes: bytes, limit: "this machine"))
    }
    if let bytes = controlGroups(root) {
      limits.append(.init(bytes: bytes, limit: "this job's control group"))
    }
    if let addressSpace {
      limits.append(.init(bytes: addressSpace, limit: "ulimit -v"))
    }
    return limits.min { $0.bytes < $1.bytes }
  }

  /// What the control groups of this process leave, version 2 or 1, the parents included.
  private static func controlGroups(_ root: String) -> Int? {
    let lines = text(root, "proc/self/cgroup").split(separator: "\n")
    var left: Int?
    for line in lines {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let version: Version
      if parts[1].isEmpty {
        version = .two
      } else if parts[1].split(separator: ",").contains("memory") {
        version = .one
      } else {
        continue
      }
      // In a container the group's own path may not exist: then the top is the container's group.
      var path = parts[2].split(separator: "/")
      while true {
        let folder = version.folder + path.map { "/\($0)" }.joined()
        if let bytes = version.left(root, folder) { left = min(left ?? .max, bytes) }
        if path.isEmpty { break }
        path.removeLast()
      }
    }
    return left
  }

  private enum Version {
    case one, two

    var folder: String {
      switch self {
      case .one: "sys/fs/cgroup/memory"
      case .two: "sys/fs/cgroup"
      }
    }

    /// The limit less what is used and cannot be freed; nil without a limit.
    func left(_ root: String, _ folder: String) -> Int? {
      let (limit, usage, inactive) =
        switch self {
        case .one: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")
        case .two: ("memory.max", "memory.current", "inactive_file ")
        }
      guard let most = AvailableMemory.number(root, "\(folder)/\(limit)"),
        let used = AvailableMemory.number(root, "\(folder)/\(usage)"),
        // Version 1 writes a limit near 2⁶³ for none.
        most < 1 << 60
      else { return nil }
      let cache =
        AvailableMemory.field(inactive, in: AvailableMemory.text(root, "\(folder)/memory.stat"))
      return max(0, most - max(0, used - (cache ?? 0)))
    }
  }

  /// `RLIMIT_AS` less the present size; nil without a limit.
  package static var addressSpaceLeft: Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0,
      limit.rlim_cur < UInt64(Int.max)
    else { return nil }
    let pages = text("/", "proc/self/statm").split(separator: " ").first.flatMap { Int($0) } ?? 0
    return max(0, Int(limit.rlim_cur) - pages * Int(sysconf(Int32(_SC_PAGESIZE))))
  }

  fileprivate static func text(_ root: String, _ path: String) -> String {
    (try? String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)) ?? ""
  }

  private static func number(_ root: String, _ path: String) -> Int? {
    Int(text(root, path).trimmingCharacters(in: .whitespacesAndNewlines))
  }

  /// The number after `name` at a line's beginning.
  fileprivate static func field(_ name: String, in text: String) -> Int? {
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) }
  }
}

/// The machine's memory in bytes, as `/proc/meminfo` has it; nil where it does not say.
package enum MachineMemory {
  /// Free memory and what the system can free for others.
  package static func available(root: String = "/") -> Int? { bytes("MemAvailable:", root) }

  package static func total(root: String = "/") -> Int? { bytes("MemTotal:", root) }

  private static func bytes(_ name: String, _ root: String) -> Int? {
    AvailableMemory.field(name, in: AvailableMemory.text(root, "proc/meminfo")).map { $0 << 10 }
  }
}
