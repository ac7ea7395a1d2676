/// Writing to an open descriptor.

package import SystemPackage

/// Writes every byte, in one `write` unless the system takes fewer; retries when a signal interrupts it.
///
/// - Throws: the system's error; `ioError` where a device takes no more bytes.
package func writeEverything(
  _ bytes: UnsafeRawBufferPointer, to descriptor: Int32
) throws(Errno) {
  var done = 0
  while done < bytes.count {
    let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
    let count: Int
    do { count = try FileDescriptor(rawValue: descriptor).write(rest) } catch {
      throw error as? Errno ?? .ioError
    }
    if count == 0 { throw .ioError }
    done += count
  }
}
