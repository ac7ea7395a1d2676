/// The console of this process: its standard output or standard error.

import Foundation
import Glibc
import System

/// Honours `NO_COLOR`, `TERM=dumb` (plain lines), `COLUMNS` and the locale.
package struct StandardConsole: Console, Sendable {
  package let usesColor: Bool
  package let usesUnicode: Bool
  private let descriptor: Int32
  private let terminal: Terminal?
  private let fallbackWidth: Int

  /// Standard output.
  package static let output = StandardConsole(descriptor: STDOUT_FILENO)
  /// Standard error.
  package static let error = StandardConsole(descriptor: STDERR_FILENO)

  /// A console over an open descriptor, which stays the caller's.
  package init(
    descriptor: Int32, environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.descriptor = descriptor
    let term = environment["TERM"] ?? ""
    let canRewrite = !term.isEmpty && term != "dumb"
    terminal = canRewrite ? Terminal.behind(descriptor, environment: environment) : nil
    usesColor = terminal != nil && (environment["NO_COLOR"] ?? "").isEmpty
    fallbackWidth = environment["COLUMNS"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } ?? 80
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }
      .first { !$0.isEmpty }
    // Containers often set no locale at all while the terminal around them speaks UTF-8.
    usesUnicode = locale.map { $0.lowercased().replacing("-", with: "").contains("utf8") } ?? true
  }

  package var isTerminal: Bool { terminal != nil }

  package var width: Int { terminal?.columns ?? fallbackWidth }

  /// Lines of the terminal, as many as most have where it does not say.
  package var height: Int { terminal?.rows ?? 24 }

  /// Errors are ignored: a console that went away must not end a training run.
  package func write(_ text: String) { try? write(text, operation: "write") }

  /// Writes the result of a command, which must not be lost silently.
  ///
  /// A reader that went away (`| head`) has all that it wanted.
  /// - Throws: `FileError`.
  package func writeResult(_ text: String) throws(FileError) {
    do throws(FileError) { try write(text, operation: "write the result") } catch {
      if case .failed(_, _, EPIPE) = error { return }
      throw error
    }
  }

  /// Writes one whole line of a result.
  ///
  /// - Throws: `FileError`.
  package func writeResultLine(_ text: String) throws(FileError) { try writeResult(text + "\n") }

  private func write(_ text: String, operation: String) throws(FileError) {
    try OpenFile.write(
      Array(text.utf8), to: descriptor, operation: operation, path: "to standard output")
  }
}
