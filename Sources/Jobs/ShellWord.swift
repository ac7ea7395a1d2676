/// Words of a shell's command line.

enum ShellWord {
  /// `text` as one word, quoted where the shell would read it otherwise.
  static func quoted(_ text: String) -> String {
    if text.wholeMatch(of: #/[A-Za-z0-9_@%+=:,.\/-]+/#) != nil { return text }
    return "'" + text.replacing("'", with: #"'\''"#) + "'"
  }
}
