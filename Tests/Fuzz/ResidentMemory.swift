/// How much memory a piece of work takes.

import Foundation
import System

enum ResidentMemory {
  /// The bytes by which this process was at most larger during `work` than before.
  static func growth(_ work: () -> Void) -> Int {
    // Makes the present size the highest (proc_pid_clear_refs(5)).
    try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
    let before = bytes("VmRSS:")
    work()
    return max(0, bytes("VmHWM:") - before)
  }

  private static func bytes(_ name: String) -> Int {
    let line = ProcFile.text("/proc/self/status").split(separator: "\n")
      .first { $0.hasPrefix(name) }
    let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap {
      Int($0)
    }
    return (kibibytes ?? 0) << 10
  }
}
