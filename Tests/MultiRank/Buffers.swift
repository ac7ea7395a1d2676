/// Memory for the checks: buffers that live until the end of a closure.

/// Calls `body` with a buffer of the given elements.
func withBuffer<Element: BitwiseCopyable, Result>(
  _ elements: [Element], _ body: (UnsafeMutableBufferPointer<Element>) throws -> Result
) rethrows -> Result {
  let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
  defer { buffer.deallocate() }
  _ = buffer.initialize(from: elements)
  return try body(buffer)
}

/// Calls `body` with a buffer to send and one to receive, and returns what was received.
func exchanged<Element: BitwiseCopyable>(
  _ source: [Element], into destination: [Element],
  _ body: (UnsafeBufferPointer<Element>, UnsafeMutableBufferPointer<Element>) throws -> Void
) rethrows -> [Element] {
  try withBuffer(source) { source in
    try withBuffer(destination) { destination in
      try body(UnsafeBufferPointer(source), destination)
      return Array(destination)
    }
  }
}
