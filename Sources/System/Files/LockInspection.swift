/// Whether some process holds a file's lock, found out without taking it.

import Glibc

package enum LockInspection {
  /// Whether a process of this machine holds an exclusive `flock` on `path`.
  ///
  /// Trying to take it instead would refuse it to a process that begins at that moment.
  package static func isHeldHere(_ path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    // "1: FLOCK  ADVISORY  WRITE 4711 08:01:131090 0 EOF"
    return ProcFile.text("/proc/locks").split(separator: "\n").contains { line in
      let fields = line.split(separator: " ")
      return fields.count > 5 && fields[1] == "FLOCK" && fields[3] == "WRITE"
        && fields[5].split(separator: ":").last == "\(status.st_ino)"
    }
  }
}
