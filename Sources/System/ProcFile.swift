/// Files that the kernel makes while they are read (`/proc`, `/sys`).

import Foundation

package enum ProcFile {
  /// Empty where there is none.
  ///
  /// Foundation's whole-file reads stop after the first page of such a file.
  package static func text(_ path: String) -> String {
    let bytes = FileHandle(forReadingAtPath: path).flatMap { try? $0.readToEnd() }
    return String(decoding: bytes ?? Data(), as: UTF8.self)
  }
}
