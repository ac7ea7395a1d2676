/// Words of a shell's command line.

/// For bash: its comments and commands stay one line, whatever a word holds.
enum ShellWord {
  /// `text` as one word, quoted where the shell would read it otherwise.
  static func quoted(_ text: String) -> String {
    if text.wholeMatch(of: #/[A-Za-z0-9_@%+=:,.\/-]+/#) != nil { return text }
    // Scalars, because a character such as \r\n has several.
    let scalars = text.unicodeScalars
    if scalars.contains(where: isControl) {
      return "$'" + scalars.map(escaped).joined() + "'"
    }
    return "'" + scalars.map { $0 == "'" ? #"'\''"# : String($0) }.joined() + "'"
  }

  /// Whether a scalar moves the cursor or ends a line, in YAML too.
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }

  /// Within `$'…'`; bytes, because other names of characters depend on the locale.
  private static func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\\", "'": #"\"# + String(scalar)
    case "\n": #"\n"#
    case "\t": #"\t"#
    case _ where isControl(scalar):
      String(scalar).utf8.map { #"\x"# + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    default: String(scalar)
    }
  }
}
