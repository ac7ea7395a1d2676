/// The terminal that a person looks at, also under `mpirun`.

import Foundation
import Glibc
import System

/// Open MPI gives each process a pseudo-terminal of its own as standard output, with no size, even
/// when `mpirun` itself writes to a file. So under `mpirun` its output is looked at instead: the
/// nearest ancestor that is a launcher, through `/proc`.
final class Terminal: Sendable {
  private let descriptor: Int32

  /// The terminal that text written to `descriptor` ends up on, nil when it is a file or a pipe.
  static func behind(_ descriptor: Int32, environment: [String: String]) -> Terminal? {
    if environment["OMPI_COMM_WORLD_RANK"] != nil {
      guard let launcher = launcherProcess() else { return nil }
      return Terminal(opening: "/proc/\(launcher)/fd/\(descriptor)")
    }
    guard isatty(descriptor) == 1 else { return nil }
    return Terminal(owning: dup(descriptor))
  }

  /// The window's width, nil when the terminal does not say.
  var columns: Int? { size.ws_col > 0 ? Int(size.ws_col) : nil }

  /// The window's height, nil when the terminal does not say.
  var rows: Int? { size.ws_row > 0 ? Int(size.ws_row) : nil }

  /// Zeros where the terminal does not say.
  private var size: winsize {
    var size = winsize()
    return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 ? size : winsize()
  }

  private init?(owning descriptor: Int32) {
    self.descriptor = descriptor
    if descriptor < 0 { return nil }
  }

  private convenience init?(opening path: String) {
    self.init(owning: open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC))
    if isatty(descriptor) != 1 { return nil }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  private static func launcherProcess() -> pid_t? {
    var process = getppid()
    for _ in 0..<16 where process > 1 {
      let status = ProcFile.text("/proc/\(process)/stat")
      guard
        let open = status.firstIndex(of: "("), let close = status.lastIndex(of: ")")
      else { return nil }
      let name = status[status.index(after: open)..<close]
      if ["mpirun", "mpiexec", "orterun", "prterun", "orted"].contains(name) { return process }
      let fields = status[close...].split(separator: " ")
      guard fields.count > 2, let parent = pid_t(fields[2]) else { return nil }
      process = parent
    }
    return nil
  }
}
