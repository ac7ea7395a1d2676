/// The exclusive hold of one process on a run folder: `flock` on a file that names the holder.

import Foundation
import Glibc
import System

/// Held until the object goes away or the process dies, however it dies.
final class RunLock: Sendable {
  /// False where the file system has no locks (some Lustre and NFS mounts).
  let isExclusive: Bool
  private let file: OpenFile

  /// Takes the lock or throws `RunFolderError.inUse` with what the present holder wrote.
  init(folder: String) throws {
    let path = "\(folder)/\(RunLock.fileName)"
    file = try OpenFile(path, O_RDWR | O_CREAT)
    var taken: Int32
    repeat {
      taken = flock(file.descriptor, LOCK_EX | LOCK_NB)
    } while taken != 0 && errno == EINTR
    if taken != 0 {
      switch errno {
      case EWOULDBLOCK: throw RunFolderError.inUse(path: folder, holder: RunLock.holder(path))
      case ENOSYS, EOPNOTSUPP, ENOLCK: isExclusive = false
      default: throw FileError.current("lock", path)
      }
    } else {
      isExclusive = true
    }
    try file.truncate(to: 0)
    try file.write(Array((RunLock.owner() + "\n").utf8))
  }

  static let fileName = FileError.runLockName

  /// "pid 4711 on host node1, since 2026-11-23T20:15:00Z".
  private static func owner() -> String {
    let now = Date().formatted(.iso8601)
    let job = ProcessInfo.processInfo.environment["SLURM_JOB_ID"].map { ", Slurm job \($0)" } ?? ""
    return "pid \(getpid()) on host \(ProcessInfo.processInfo.hostName)\(job), since \(now)"
  }

  private static func holder(_ path: String) -> String {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first.map(String.init) ?? ""
    return line.isEmpty ? "another process" : line
  }
}
