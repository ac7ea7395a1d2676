/// `docs/settings.md` says what the settings' declarations say.

import Foundation
import Settings
import Testing

@Suite struct SettingsReferenceTests {
  @Test("docs/settings.md is made from the declarations; RECORD_SETTINGS=1 writes it")
  func document() throws {
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let file = root.appending(path: "docs/settings.md")
    if ProcessInfo.processInfo.environment["RECORD_SETTINGS"] == "1" {
      try SettingsReference.markdown.write(to: file, atomically: true, encoding: .utf8)
    }
    let found = try String(contentsOf: file, encoding: .utf8)
    #expect(found == SettingsReference.markdown, "make it again: CONTRIBUTING.md says how")
  }

  @Test("a setting without a flag is called a key")
  func keys() {
    let names = TrainingConfiguration.settings.filter { !$0.isFlag }.map(\.key)
    #expect(names == ["task"])
    #expect(SettingsReference.markdown.contains("| `task` (key only) | "))
    #expect(!SettingsReference.markdown.contains("`--task`"))
  }

  @Test("each setting has a help of one sentence or more")
  func helps() {
    for setting in TrainingConfiguration.settings {
      #expect(setting.help.hasSuffix(".") && setting.help.count > 8, "\(setting.key)")
    }
  }
}
