/// Recorded digests: the parameters of short runs, which no change of the code may alter.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  /// Trains small jobs of each kind of network and compares the SHA-256 of their parameters with
  /// `Fixtures/digests.json`, which has a digest for each job and instruction set.
  ///
  /// A change that alters bits on purpose records new digests: run this suite with RECORD_DIGESTS=1,
  /// once for each instruction set (RESNET_DIST_CPU).
  @Suite struct ParameterDigestTests {
    struct Case: Sendable, CustomTestStringConvertible {
      let name: String
      let flags: [String]
      /// Numbers of ranks that must all give the digest.
      var ranks = [1, 2, 3]

      var testDescription: String { name }
    }

    private static func small(_ name: String, _ flags: [String]) -> Case {
      Case(name: name, flags: Job.small + ["--iterations", "6"] + flags)
    }

    private static func network(
      _ name: String, _ model: String, _ flags: [String] = [], ranks: [Int] = [1, 2, 3]
    ) -> Case {
      Case(
        name: name,
        flags: [
          "--dataset", "synthetic", "--model", model, "--train-limit", "64", "--test-limit", "8",
          "--batch-size", "16", "--iterations", "2", "--lr", "0.01",
        ] + flags, ranks: ranks)
    }

    static let cases = [
      small("resnet8 A", []),
      small("resnet8 B", ["--shortcut", "B"]),
      small("resnet8 C", ["--shortcut", "C"]),
      small("threads", ["--threads", "3", "--workers", "2"]),
      small("uneven shards", ["--batch-size", "45"]),
      small("bn groups", ["--bn-group-size", "8"]),
      small("accumulate", ["--accumulate", "2", "--bn-group-size", "8"]),
      small("lars", ["--optimizer", "lars", "--lr", "2", "--warmup-iterations", "3"]),
      small(
        "options",
        ["--label-smoothing", "0.1", "--zero-init-residual", "--norm-weight-decay", "0"]),
      network("resnet20", "resnet20"),
      network("plain20", "plain20"),
      network("resnext29_8x64d", "resnext29_8x64d"),
      network("resnet18", "resnet18", ["--image-size", "64"]),
      network("resnet50", "resnet50", ["--image-size", "64"]),
      network("resnet50 v1", "resnet50", ["--image-size", "64", "--stride-placement", "1x1"]),
      network("resnext50_32x4d", "resnext50_32x4d", ["--image-size", "64"]),
      network("resnet50 of 224 pixels", "resnet50", ["--image-size", "224"], ranks: [2]),
      network(
        "resnext50_32x4d of 224 pixels", "resnext50_32x4d", ["--image-size", "224"], ranks: [2]),
    ]

    @Test(
      "the parameters of a short run have the recorded digest on 1, 2 and 3 ranks", arguments: cases
    )
    func digest(_ run: Case) throws {
      let folder = try TemporaryDirectory()
      for ranks in run.ranks {
        let path = folder.file("ranks-\(ranks)")
        let outcome = try Job.run(ranks, run.flags + ["--run-dir", path])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        try Self.compare(try Job.digest(path), run.name, outcome, "\(ranks) ranks")
      }
    }

    @Test("a run resumed in the middle has the recorded digest of the whole run")
    func resumed() throws {
      let folder = try TemporaryDirectory()
      let run = Self.cases[0]
      let (first, second) = (folder.file("first"), folder.file("second"))
      let whole = try Job.run(2, run.flags + ["--checkpoint-every", "4", "--run-dir", first])
      try #require(whole.exitCode == 0, "\(whole.standardError)")
      let outcome = try Job.run(
        3, ["--resume", "\(first)/checkpoints/step-0000004", "--run-dir", second])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      try Self.compare(try Job.digest(second), run.name, outcome, "resumed")
    }

    private static let path = "\(Job.root)/Tests/CommandLineTests/Fixtures/digests.json"

    /// Compares a digest with the recorded one, or records it where that is asked for.
    private static func compare(
      _ digest: String, _ name: String, _ outcome: ProcessRunner.Outcome, _ variant: String
    ) throws {
      let match = try #require(
        outcome.standardOutput.firstMatch(of: /Swift SIMD for ([A-Za-z0-9-]+)/),
        "the summary names the instruction set")
      let instructionSet = String(match.1)
      let data = (try? Data(contentsOf: URL(fileURLWithPath: path))) ?? Data("{}".utf8)
      var all = try JSONDecoder().decode([String: [String: String]].self, from: data)
      if ProcessInfo.processInfo.environment["RECORD_DIGESTS"] != nil {
        all[instructionSet, default: [:]][name] = digest
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(all).write(to: URL(fileURLWithPath: path))
        return
      }
      guard let recorded = all[instructionSet] else {
        print("skipped: no digests recorded for \(instructionSet)")
        return
      }
      #expect(recorded[name] == digest, "\(name), \(variant), \(instructionSet)")
    }
  }
}
