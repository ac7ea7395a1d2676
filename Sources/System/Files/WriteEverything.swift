/// Writing to an open descriptor.

package import SystemPackage

/// Writes every byte; see `writeEverything(_:to:)` of a span.
package func writeEverything(_ bytes: [UInt8], to descriptor: Int32) throws(Errno) {
  try writeEverything(bytes.span.bytes, to: descriptor)
}

/// Writes every byte, in one `write` unless the system takes fewer; retries when a signal interrupts it.
///
/// - Throws: the system's error; `ioError` where a device takes no more bytes.
package func writeEverything(
  _ bytes: RawSpan, to descriptor: Int32
) throws(Errno) {
  var done = 0
  while done < bytes.byteCount {
    let count: Int
    do {
      count = try bytes.withUnsafeBytes { bytes in
        try FileDescriptor(rawValue: descriptor).write(.init(rebasing: bytes[done...]))
      }
    } catch { throw error as? Errno ?? .ioError }
    if count == 0 { throw .ioError }
    done += count
  }
}
