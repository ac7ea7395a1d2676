/// Writing to an open descriptor.

import Glibc
package import SystemPackage

/// Writes every byte; see `writeEverything(_:to:)` of a span.
package func writeEverything(_ bytes: [UInt8], to descriptor: Int32) throws(Errno) {
  try writeEverything(bytes.span.bytes, to: descriptor)
}

/// Writes every byte, in one `write` unless the system takes fewer; retries when a signal interrupts it, and
/// waits for the reader of a full pipe that does not block.
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
    } catch {
      let error = error as? Errno ?? .ioError
      guard error == .resourceTemporarilyUnavailable else { throw error }
      var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = poll(&wait, 1, 1000)
      continue
    }
    if count == 0 { throw .ioError }
    done += count
  }
}
