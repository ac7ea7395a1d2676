/// Ending the whole job when one rank cannot go on.

internal import CMPI
import Glibc

extension Communicator {
  /// Writes one line with `reason` to standard error and ends every process of the job.
  ///
  /// Never waits, so a watchdog thread may call it while the main thread hangs: standard output
  /// is therefore not flushed, its lock may be taken. Files must be closed before.
  /// The corresponding MPI function is `MPI_Abort`.
  /// - Parameters:
  ///   - code: what `mpirun` exits with, 1...255; distinct per cause, so that a batch system can tell
  ///     them apart.
  ///   - reason: for the line; its own line breaks become spaces.
  public func abort(code: Int32, reason: String) -> Never {
    let oneLine = reason.split(whereSeparator: \.isNewline).joined(separator: " ")
    let line = "rank \(rank) of \(size) ends the job with code \(code): \(oneLine)\n"
    // One write, so that lines of several ranks do not mix.
    var bytes = Array(line.utf8)
    _ = bytes.withUnsafeMutableBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    MPI_Abort(handle, code)
    _exit(code)
  }
}
