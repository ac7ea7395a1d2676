/// The signal that a file-size limit sends, turned into an error that can be reported.

import Glibc

/// `SIGXFSZ` kills a process that writes past `ulimit -f` or some quotas.
package enum FileSizeSignal {
  /// From now on such a write fails with `EFBIG`, which arrives as a `FileError`. Call once at start.
  package static func ignore() {
    signal(SIGXFSZ, SIG_IGN)
  }
}
