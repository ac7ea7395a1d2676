/// The command line as the argument parser describes it for tools (`--experimental-dump-help`).

import ArgumentParser
import Foundation

/// A command, with what its help says.
struct CommandDescription: Decodable {
  struct Argument: Decodable {
    struct Name: Decodable {
      let kind: String
      let name: String

      /// With its dashes.
      var flag: String { (kind == "long" ? "--" : "-") + name }
    }

    /// `positional`, `option` or `flag`.
    let kind: String
    let shouldDisplay: Bool
    let sectionTitle: String?
    let isOptional: Bool
    let names: [Name]?
    let valueName: String?
    let defaultValue: String?
    let abstract: String?
  }

  let commandName: String
  let shouldDisplay: Bool
  let abstract: String?
  let discussion: String?
  let subcommands: [CommandDescription]?
  let arguments: [Argument]?

  /// Of `command` and all below it.
  ///
  /// - Throws: where the parser's description is not what this program knows.
  init(of command: any ParsableCommand.Type) throws {
    struct Tool: Decodable {
      let command: CommandDescription
    }
    self = try JSONDecoder().decode(Tool.self, from: Data(command._dumpHelp().utf8)).command
  }

  /// The commands that users see; the parser's own `help` is none of ours.
  var shown: [CommandDescription] {
    (subcommands ?? []).filter { $0.shouldDisplay && $0.commandName != "help" }
  }
}
