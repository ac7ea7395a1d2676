/// Checks of what a caller must ensure.

import CProcessor

/// Ends the process with `message` unless `condition` holds.
///
/// Kernels are compiled with -Ounchecked, which turns a failing `precondition` into undefined behavior.
/// This check stays: its failure is a call into C that the compiler knows nothing of. For entry points, where
/// it costs a few instructions a call; not for inner loops.
@inline(__always)
func require(
  _ condition: Bool, _ message: StaticString, file: StaticString = #fileID, line: Int32 = #line
) {
  if !condition { stop_because(message.pointer, file.pointer, line) }
}

extension StaticString {
  /// The characters as a C string.
  fileprivate var pointer: UnsafePointer<CChar> {
    UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
