/// Which threads of a process may call MPI.

internal import CMPI

public enum ThreadLevel: Int, Comparable, Sendable, CaseIterable {
  /// The process has one thread. `MPI_THREAD_SINGLE`.
  case single
  /// Many threads; only the one that made the environment calls MPI. `MPI_THREAD_FUNNELED`.
  case funneled
  /// Many threads call MPI, never two at the same time. `MPI_THREAD_SERIALIZED`.
  case serialized
  /// Any thread calls MPI at any time. `MPI_THREAD_MULTIPLE`.
  case multiple

  public static func < (left: ThreadLevel, right: ThreadLevel) -> Bool {
    left.rawValue < right.rawValue
  }

  var native: Int32 {
    switch self {
    case .single: shim_thread_single()
    case .funneled: shim_thread_funneled()
    case .serialized: shim_thread_serialized()
    case .multiple: shim_thread_multiple()
    }
  }

  /// The highest level that `native` includes.
  init(native: Int32) {
    self = Self.allCases.last { $0.native <= native } ?? .single
  }
}
