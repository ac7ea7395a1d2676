/// What `resnet-dist job` makes of arguments that a script cannot hold as they are, and of sweeps under PBS.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct JobScriptTests {
    @Test(
      "control characters stay within their line, and reach the run as they were given",
      arguments: ["slurm", "pbs", "lsf", "kubernetes"])
    func controlCharacters(scheduler: String) throws {
      let folder = try TemporaryDirectory()
      let odd = "new\nline x\r\n\t'it\\n' \u{85}\u{2028}\u{7F}7"
      let container = scheduler == "kubernetes" ? ["--container", "image"] : []
      let outcome = try Job.alone(
        ["job", "--scheduler", scheduler] + container + ["--"] + Job.small + ["--run-dir", odd],
        in: folder.path)
      #expect(outcome.exitCode == 0, "\(outcome)")
      let text = outcome.standardOutput
      #expect(!text.contains("\nline x"), "\(text)")
      let isClean = text.unicodeScalars.allSatisfy {
        $0 == "\n" || ![.control, .lineSeparator].contains($0.properties.generalCategory)
      }
      #expect(isClean, "\(text)")
      guard scheduler == "slurm" else { return }
      try text.write(toFile: folder.file("script"), atomically: true, encoding: .utf8)
      let run = try ProcessRunner.run(
        "/usr/bin/env",
        [
          "SLURM_JOB_ID=41", "bash", "-c",
          "mpirun() { printf '<%s>' \"$@\"; }; export -f mpirun; bash script",
        ], directory: folder.path, timeout: Job.patience)
      #expect(run.standardOutput.unicodeScalars.contains("<\(odd)>".unicodeScalars), "\(run)")
    }

    @Test("a sweep under PBS that would not notice the job's limit is refused")
    func sweepUnderPBS() throws {
      let folder = try TemporaryDirectory()
      func job(_ base: String, _ flags: [String]) throws -> ProcessRunner.Outcome {
        try "base: {dataset: synthetic, model: resnet8\(base)}\nseeds: [1, 2]\n".write(
          toFile: folder.file("table.yaml"), atomically: true, encoding: .utf8)
        return try Job.alone(
          ["job", "--scheduler", "pbs"] + flags + ["--", "sweep", "table.yaml"], in: folder.path)
      }
      expectFailure(
        try job("", ["--time", "4:00:00"]), exitCode: 2,
        naming: ["table.yaml", "seed-1 has no max-time", "max-time: 3:55:00"])
      #expect(try job(", max-time: '3:50:00'", ["--time", "4:00:00"]).exitCode == 0)
      // The queue's limit is not known.
      #expect(try job("", []).exitCode == 0)
    }
  }
}
