/// Standard output that takes no more, and files that are no files.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct LostOutputTests {
    /// Runs the program by a shell, which does with its output what follows.
    private func shell(_ arguments: [String], _ redirection: String) throws -> ProcessRunner.Outcome
    {
      try ProcessRunner.run(
        "/bin/sh", ["-c", "\"$@\" \(redirection)", "sh", Job.executable] + arguments,
        environment: Job.environment)
    }

    @Test("a result that standard output does not take is one error; a log may be lost")
    func full() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let lost = "cannot write the result to standard output: No space left on device"
      expectFailure(
        try shell(["recipes", "--yaml"], ">/dev/full"), exitCode: 1, naming: [lost])
      let train = Job.small + ["--iterations", "2", "--run-dir"]
      expectFailure(
        try shell(train + [folder.file("json"), "--json"], ">/dev/full"), exitCode: 1,
        naming: [lost])
      #expect(try shell(train + [path], ">/dev/full").exitCode == 0)

      // The files are written all the same.
      let predictions = folder.file("test.csv")
      expectFailure(
        try shell(["eval", "--weights", path, "--predictions", predictions], ">/dev/full"),
        exitCode: 1, naming: [lost])
      let rows = try String(contentsOfFile: predictions, encoding: .utf8).split(separator: "\n")
      #expect(rows.count == 97)
      // What is written to /dev/stdout comes behind the result.
      let both = try shell(
        ["eval", "--weights", path, "--json", "--predictions", "/dev/stdout"],
        ">\(folder.file("both"))")
      #expect(both.exitCode == 0, "\(both.standardError)")
      let lines = try String(contentsOfFile: folder.file("both"), encoding: .utf8)
        .split(separator: "\n")
      #expect(lines.count == 98 && lines[0].hasPrefix("{"))
    }

    @Test("a reader that goes away is no failure")
    func closed() throws {
      let outcome = try ProcessRunner.run(
        "/bin/sh",
        ["-c", "{ sleep 1; \"$@\"; echo code=$? >&2; } | true", "sh", Job.executable, "recipes"],
        environment: Job.environment)
      #expect(outcome.standardError == "code=0\n")
    }
  }
}
