/// NumPy's file format for one array.

import System

package enum NPYFile {
  /// The bytes of a file of version 1.0 with a little-endian float32 matrix in C order.
  ///
  /// - Parameters:
  ///   - values: [rows, columns].
  package static func bytes(_ values: [Float], rows: Int, columns: Int) -> [UInt8] {
    precondition(values.count == rows * columns, "a matrix of \(rows)×\(columns)")
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    // The header with its ten bytes before and its newline is a multiple of 64 long.
    let blanks = (64 - (10 + text.utf8.count + 1) % 64) % 64
    let header = Array((text + String(repeating: " ", count: blanks) + "\n").utf8)
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    bytes += [UInt8(header.count & 255), UInt8(header.count >> 8)]
    bytes += header
    bytes.reserveCapacity(bytes.count + 4 * values.count)
    for value in values {
      let bits = value.bitPattern
      for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(bits >> shift & 255)) }
    }
    return bytes
  }
}
