/// The help of every command: its width, its order, and examples that can be pasted.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct HelpTests {
    private static let commands = [
      [], ["train"], ["eval"], ["bn-recalibrate"], ["bench"], ["inspect"], ["export"], ["data"],
      ["data", "fetch"], ["data", "statistics"], ["doctor"], ["recipes"], ["sweep"], ["top"],
      ["report"], ["predict"], ["job"], ["detect"], ["detect", "train"], ["detect", "eval"],
      ["detect", "predict"], ["detect", "score"], ["detect", "doctor"], ["responses"],
      ["data", "check"], ["manual"],
    ]

    private func help(_ command: [String]) throws -> [String] {
      let outcome = try Job.alone(command + ["--help"])
      #expect(outcome.exitCode == 0)
      return outcome.standardOutput.split(separator: "\n", omittingEmptySubsequences: false)
        .map(String.init)
    }

    @Test("it fits 80 columns", arguments: commands)
    func width(command: [String]) throws {
      let lines = try help(command)
      #expect(lines.count > 5)
      for line in lines { #expect(line.count <= 80, "\(line)") }
    }

    @Test("an example is a line of its own, or ends with a backslash where it continues")
    func examples() throws {
      var examples = 0
      for command in Self.commands {
        let lines = try help(command).prefix { !$0.hasPrefix("USAGE:") }
        for (index, line) in lines.enumerated() where line.contains("resnet-dist ") {
          guard line.hasPrefix("  ") else { continue }
          examples += 1
          var last = index
          while lines[last].hasSuffix("\\") { last += 1 }
          // What follows is blank, a comment or another example: nothing was wrapped.
          let next = lines[last + 1]
          #expect(
            next.isEmpty || next.hasPrefix("  #") || next.contains("resnet-dist"), "\(line)")
        }
      }
      #expect(examples > 15)
    }

    @Test(
      "commands that take trained weights say that settings are the run's, not training's defaults",
      arguments: ["eval", "predict", "bn-recalibrate"])
    func defaultsOfRun(command: String) throws {
      let text = try help([command]).joined(separator: " ").replacing(/\s+/, with: " ")
      for key in ["fp32", "fashion-mnist", "auto", "128", "bilinear"] {
        #expect(!text.contains("(default: \(key))"), "\(key)")
      }
      #expect(text.contains("(default: the run's)"))
      #expect(text.contains(".safetensors or .pth file"))
    }

    @Test("what recipes shows are flags of train or of detect train")
    func recipeFlags() throws {
      let known = Set(
        try (help(["train"]) + help(["detect", "train"])).flatMap {
          $0.split { " ,/".contains($0) }.map(String.init)
        })
      let outcome = try Job.alone(["recipes"])
      #expect(outcome.exitCode == 0)
      let flags = outcome.standardOutput.split(separator: "\n").compactMap { line in
        line.split(separator: " ").first { $0.hasPrefix("--") }.map { String($0) }
      }
      #expect(flags.count > 100)
      for flag in Set(flags) { #expect(known.contains(flag), "\(flag)") }
    }

    @Test("what people type first comes first")
    func order() throws {
      let text = try help(["train"]).joined(separator: "\n")
      let flags = [
        "--model", "--dataset", "--epochs", "--lr", "--batch-size", "--resume", "--seed",
      ]
      let places = try flags.map {
        try #require(text.range(of: "\n  \($0)[ ,]|\n  -., \($0)", options: .regularExpression))
          .lowerBound
      }
      #expect(places == places.sorted())
    }
  }
}
