/// `resnet-dist data check`: what is wrong with a data set, before a long run meets it.

import ArgumentParser
import Console
import Runs
import Settings

struct DataCheckCommand: RankedCommand {
  static let usesRanks = false

  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Read every image once and list those that are bad, repeated or in both splits.",
    usage: "resnet-dist data check --data-dir <folder> [<options>]",
    discussion: """
      The exit code is 1 where an image cannot be decoded, is larger than
      --max-image-pixels, or has another size than the others where these are
      trained at their own size.

        resnet-dist data check --data-dir images
      """)

  @OptionGroup(title: CheckSelection.title) var data: SettingOptions<CheckSelection>

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  func runAlone() throws {
    let check = try DataCheck(
      data.changes.applied(to: .init()),
      console: json ? StandardConsole.error : StandardConsole.output)
    try StandardConsole.output.writeResultLine(json ? check.json : check.text)
    if check.unusableImages > 0 { throw UnusableImagesFound(count: check.unusableImages) }
  }
}

/// The check found images that training would stumble over.
private struct UnusableImagesFound: Error, CustomStringConvertible {
  let count: Int

  var description: String { "\(count) image\(count == 1 ? "" : "s") cannot be used" }
}
