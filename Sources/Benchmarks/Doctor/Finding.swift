/// What `doctor` thinks of one thing that it has looked at.

import Console

package struct Finding: Codable, Equatable, Sendable {
  package enum Level: String, Codable, Sendable, CaseIterable {
    case ok
    /// Worth knowing.
    case note
    /// The run works, and could do better.
    case warning
    /// The run fails, or its result is not what it seems.
    case problem
  }

  package let level: Level
  /// What was looked at, in a word.
  package let check: String
  package let text: String
  /// What to do; nil: nothing.
  package let remedy: String?

  package init(_ level: Level, _ check: String, _ text: String, remedy: String? = nil) {
    (self.level, self.check, self.text, self.remedy) = (level, check, text, remedy)
  }

  /// `1 rank`, `2 ranks`.
  package static func counted(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }
}

extension [Finding] {
  package func count(_ level: Finding.Level) -> Int { count { $0.level == level } }

  /// A line for each, its remedy below it.
  package var table: String {
    var table = TextTable([.left, .left, .left])
    for finding in self {
      table.add([
        finding.level.rawValue, finding.check,
        finding.text + (finding.remedy.map { "\n→ \($0)" } ?? ""),
      ])
    }
    return table.lines.joined(separator: "\n")
  }

  /// The worst of them in a sentence.
  package var verdict: String {
    let (problems, warnings) = (count(.problem), count(.warning))
    if problems > 0 {
      return Finding.counted(problems, "problem")
        + (warnings > 0 ? " and \(Finding.counted(warnings, "warning"))" : "")
        + ": this run should not be started like this"
    }
    return warnings > 0 ? "\(Finding.counted(warnings, "warning")): the run works" : "ready to run"
  }
}
