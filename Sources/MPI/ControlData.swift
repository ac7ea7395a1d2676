/// Small control data: arrays, values and strings where the buffers of a step would use pointers.
/// Each call allocates; nothing here belongs in a training step.

/// An array whose elements `fill` receives.
func received<Element: MPIDatatype>(
  _ count: Int, _ fill: (UnsafeMutableBufferPointer<Element>) throws(MPIError) -> Void
) throws(MPIError) -> [Element] {
  let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: count)
  defer { buffer.deallocate() }
  try fill(buffer)
  return Array(buffer)
}

/// Calls `body` with the array's elements in memory.
func sending<Element: MPIDatatype, Result>(
  _ values: [Element], _ body: (UnsafeBufferPointer<Element>) throws(MPIError) -> Result
) throws(MPIError) -> Result {
  try values.withUnsafeBufferPointer { (buffer) throws(MPIError) in try body(buffer) }
}

/// A copy of the array, changed in place by `body`.
func updated<Element: MPIDatatype>(
  _ values: [Element], _ body: (UnsafeMutableBufferPointer<Element>) throws(MPIError) -> Void
) throws(MPIError) -> [Element] {
  var values = values
  try values.withUnsafeMutableBufferPointer {
    (buffer: inout UnsafeMutableBufferPointer<Element>) throws(MPIError) -> Void in
    try body(buffer)
  }
  return values
}
