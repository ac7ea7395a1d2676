/// The manual page of the whole command line, in the macros of man(7).

import Foundation

/// Made from the same declarations as the help, so that both say the same.
struct ManualPage {
  private let command: CommandDescription
  private let version: String
  private var lines: [String] = []

  init(_ command: CommandDescription, version: String) {
    (self.command, self.version) = (command, version)
  }

  /// The page's source.
  func roff() -> String {
    var page = self
    page.write()
    return page.lines.joined(separator: "\n") + "\n"
  }

  private mutating func write() {
    let name = command.commandName
    lines.append(".TH \(name.uppercased()) 1 \"\" \"\(name) \(version)\" \"User Commands\"")
    section("NAME")
    let abstract = command.abstract ?? ""
    let first = abstract.prefix(1).lowercased() + abstract.dropFirst()
    text("\(name) - " + (first.hasSuffix(".") ? String(first.dropLast()) : first))
    section("SYNOPSIS")
    lines.append(
      "mpirun \\-n \\fIranks\\fR \\fB\(Self.escaped(name))\\fR [\\fIcommand\\fR] [\\fIoptions\\fR]")
    section("DESCRIPTION")
    discussion(command.discussion)
    section("COMMANDS")
    for subcommand in command.shown { write(subcommand, path: []) }
    section("EXIT STATUS")
    for (code, meaning) in [
      ("0", "done"), ("1", "the run failed, or a check found a problem"),
      ("2", "the command line or the configuration is wrong"),
      ("75", "stopped as requested and saved; train --resume continues"),
      ("76", "no progress; ended by the run's own watch"),
    ] {
      item(code, meaning)
    }
    section("SEE ALSO")
    lines.append(".BR mpirun (1)")
  }

  private mutating func write(_ subcommand: CommandDescription, path: [String]) {
    let path = path + [subcommand.commandName]
    lines.append(".SS \(Self.escaped(path.joined(separator: " ")))")
    text(subcommand.abstract ?? "")
    lines.append(".PP")
    discussion(subcommand.discussion)
    var title: String?
    for argument in subcommand.arguments ?? [] where argument.shouldDisplay {
      let names = (argument.names ?? []).map(\.flag)
      if names.contains("--help") || names.contains("--version") { continue }
      if argument.sectionTitle != title, let next = argument.sectionTitle {
        lines.append(".PP")
        lines.append("\\fI\(Self.escaped(next))\\fR")
      }
      title = argument.sectionTitle
      let value = argument.valueName.map { "\\fI\(Self.escaped($0))\\fR" } ?? ""
      let tag =
        argument.kind == "positional"
        ? value
        : names.map { "\\fB\(Self.escaped($0))\\fR" }.joined(separator: ", ")
          + (argument.kind == "option" ? " \(value)" : "")
      lines.append(".TP")
      lines.append(tag)
      let usual = argument.defaultValue.map { " (default: \($0))" } ?? ""
      text((argument.abstract ?? "") + usual)
    }
    for next in subcommand.shown { write(next, path: path) }
  }

  private mutating func section(_ title: String) { lines.append(".SH \(title)") }

  private mutating func item(_ tag: String, _ meaning: String) {
    lines += [".TP", "\\fB\(Self.escaped(tag))\\fR"]
    text(meaning)
  }

  private mutating func text(_ text: String) { lines.append(Self.escaped(text)) }

  /// Paragraphs, and examples where lines are indented, which stay as they are.
  private mutating func discussion(_ text: String?) {
    var isExample = false
    for line in (text ?? "").split(separator: "\n", omittingEmptySubsequences: false) {
      let indented = line.hasPrefix("  ")
      if indented, !isExample { lines += [".RS 2", ".nf"] }
      if !indented, !line.isEmpty, isExample { lines += [".fi", ".RE"] }
      if indented { isExample = true } else if !line.isEmpty { isExample = false }
      if line.isEmpty {
        // A blank line would be one of the output.
        lines.append(isExample ? ".sp" : ".PP")
      } else {
        lines.append(Self.escaped(String(line.dropFirst(indented ? 2 : 0))))
      }
    }
    if isExample { lines += [".fi", ".RE"] }
  }

  /// A line of text without what roff would take for its own.
  private static func escaped(_ line: String) -> String {
    var escaped = ""
    for scalar in line.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\e"
      case "-": escaped += "\\-"
      case "'": escaped += "\\(aq"
      case "`": escaped += "\\(ga"
      case "^": escaped += "\\(ha"
      case "~": escaped += "\\(ti"
      case _ where scalar.isASCII: escaped.unicodeScalars.append(scalar)
      case _: escaped += "\\[u\(String(format: "%04X", scalar.value))]"
      }
    }
    return escaped.hasPrefix(".") ? "\\&" + escaped : escaped
  }
}
