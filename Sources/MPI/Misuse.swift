/// Mistakes in the calling program (a buffer of the wrong size, a request dropped): they end the
/// process with a message, in release builds too, where `precondition` would end it silently.

/// Ends the process with `message` unless `condition` holds.
@inline(__always)
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
  if !condition { misuse(message()) }
}

@inline(never)
func misuse(_ message: String) -> Never {
  fatalError("MPI layer misused on rank \(worldRank): \(message)")
}
