/// The reference of all settings as Markdown: what `docs/settings.md` holds.

package enum SettingsReference {
  package static var markdown: String {
    let groups = TrainingConfiguration.groups.map { group in
      "## \(group.title)\n\n" + table(group.settings)
    }
    return introduction + groups.joined(separator: "\n")
  }

  private static let introduction = """
    # Settings

    Every setting of a run: a flag of `resnet-dist train`, those of detection of `resnet-dist detect train`, and, without its dashes, a key of
    the YAML file that `--config` reads and of a run's `config.yaml`. A flag wins over a file, a file
    over the run that `--resume` continues, and that over the default. This page is made from the
    declarations in `Sources/Settings/Groups`; a test compares it with them.

    *On resume* says what a resumed run may do: settings to *keep* must stay as they were, those that
    *may change* decide the parameters from there on, those that are *not read* decide only what a new
    run starts from, and the others change no result.


    """

  private static func table(_ settings: [Setting]) -> String {
    var lines = [
      "| setting | value | default | on resume | what it does |",
      "| --- | --- | --- | --- | --- |",
    ]
    for setting in settings {
      let cells = [
        names(setting), escaped(setting.expected), setting.defaultText.map { "`\($0)`" } ?? "",
        resume(setting.effect), escaped(setting.help),
      ]
      lines.append("| " + cells.joined(separator: " | ") + " |")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func names(_ setting: Setting) -> String {
    guard setting.isFlag else { return "`\(setting.key)` (key only)" }
    let short = setting.shortName.map { ["`-\($0)`"] } ?? []
    let flag = setting.valueName == nil ? "--[no-]" : "--"
    return (setting.names.map { "`\(flag)\($0)`" } + short).joined(separator: ", ")
  }

  private static func resume(_ effect: Setting.Effect) -> String {
    switch effect {
    case .fixed: "keep"
    case .result: "may change"
    case .start: "not read"
    case .none: "no effect on the result"
    }
  }

  private static func escaped(_ text: String) -> String { text.replacing("|", with: "\\|") }
}

extension Setting {
  /// Whether a command has a flag for it. The task is a key alone: the command's name says it.
  package var isFlag: Bool { path != \TrainingConfiguration.detection.task }
}
