/// Checkpoints that are not what was written: a resumed run uses the newest whole one and says so.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct DamagedCheckpointTests {
    /// A finished run with checkpoints after 8, 16 and 24 of 24 steps.
    private func finishedRun(_ folder: TemporaryDirectory) throws -> String {
      let path = folder.file("whole")
      let outcome = try Job.run(
        2,
        Job.small + [
          "--iterations", "24", "--checkpoint-every", "8", "--run-dir", path, "--ema-decay", "0.9",
        ])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      return path
    }

    private func change(_ file: String, _ body: (inout Data) -> Void) throws {
      var data = try Data(contentsOf: URL(fileURLWithPath: file))
      body(&data)
      try data.write(to: URL(fileURLWithPath: file))
    }

    @Test(
      "a truncated, changed, missing or swapped file: the run falls back, and ends with the same bits"
    )
    func fallback() throws {
      let folder = try TemporaryDirectory()
      let whole = try finishedRun(folder)
      let (digest, metrics) = (try Job.digest(whole), try Job.metrics(whole))
      let files = FileManager.default
      let names = [
        "weights.safetensors", "optimizer.safetensors", "preprocessing.safetensors",
        "average.safetensors", "checkpoint.json",
      ]
      var cases: [(String, (_ checkpoint: String) throws -> Void)] = []
      for name in names {
        cases.append((name, { try change("\($0)/\(name)") { $0.removeLast($0.count / 3) } }))
        // In the middle of the file, one bit.
        cases.append((name, { try change("\($0)/\(name)") { $0[$0.count / 2] ^= 1 } }))
        cases.append((name, { try files.removeItem(atPath: "\($0)/\(name)") }))
      }
      // A digest that says nothing of its file is no reason to trust the file.
      for index in [0, 70] {
        cases.append(
          (
            "checkpoint.json", { try change("\($0)/checkpoint.json.sha256") { $0[index] ^= 1 } }
          ))
      }
      cases.append(
        (
          "checkpoint of step 16",
          { checkpoint in
            try files.removeItem(atPath: checkpoint)
            try files.copyItem(
              atPath: "\((checkpoint as NSString).deletingLastPathComponent)/step-0000016",
              toPath: checkpoint)
          }
        ))
      cases.append(
        (
          "weights.safetensors",
          { checkpoint in
            let other = "\((checkpoint as NSString).deletingLastPathComponent)/step-0000016"
            try files.removeItem(atPath: "\(checkpoint)/weights.safetensors")
            try files.copyItem(
              atPath: "\(other)/weights.safetensors", toPath: "\(checkpoint)/weights.safetensors")
          }
        ))
      for (index, (name, damage)) in cases.enumerated() {
        let path = folder.file("run-\(index)")
        try files.copyItem(atPath: whole, toPath: path)
        try damage("\(path)/checkpoints/step-0000024")
        let resumed = try Job.alone(["--resume", path])
        #expect(resumed.exitCode == 0, "\(index): \(resumed.standardError)")
        let notes = resumed.standardOutput.split(separator: "\n").filter {
          $0.contains("is damaged (")
        }
        #expect(notes.count == 1, "\(index): \(resumed.standardOutput)")
        let note = notes.first ?? ""
        #expect(note.hasPrefix("note: \(path)/checkpoints/step-0000024 is damaged ("), "\(note)")
        #expect(note.contains(name), "\(index): \(note)")
        #expect(note.hasSuffix("resumed from \(path)/checkpoints/step-0000016 instead"), "\(note)")
        #expect(try Job.digest(path) == digest, "\(index)")
        #expect(try Job.metrics(path) == metrics, "\(index)")
        let left = try files.contentsOfDirectory(atPath: "\(path)/checkpoints").sorted()
        #expect(
          left == ["damaged-step-0000024", "step-0000008", "step-0000016", "step-0000024"])
        try files.removeItem(atPath: path)
      }
    }

    @Test("without a whole checkpoint the run is left alone and the newest damage is named")
    func noneWhole() throws {
      let folder = try TemporaryDirectory()
      let path = try finishedRun(folder)
      for step in ["08", "16", "24"] {
        try change("\(path)/checkpoints/step-00000\(step)/optimizer.safetensors") {
          $0.removeLast()
        }
      }
      let before = try FileManager.default.contentsOfDirectory(atPath: "\(path)/checkpoints")
      for flags in [["--resume", path], Job.small + ["--run-dir", path, "--resume", "auto"]] {
        expectFailure(
          try Job.run(2, flags), exitCode: 1,
          naming: ["no checkpoint of \(path) is whole", "step-0000024/optimizer.safetensors"])
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: "\(path)/checkpoints") == before)
    }

    @Test("damaged checkpoints after the one that is named are set aside, and made again")
    func laterOnes() throws {
      let folder = try TemporaryDirectory()
      let path = try finishedRun(folder)
      let (digest, metrics) = (try Job.digest(path), try Job.metrics(path))
      try change("\(path)/checkpoints/step-0000016/weights.safetensors") { $0[$0.count / 2] ^= 1 }
      try FileManager.default.removeItem(atPath: "\(path)/checkpoints/step-0000024/checkpoint.json")
      let resumed = try Job.run(2, ["--resume", "\(path)/checkpoints/step-0000008"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      for step in ["16", "24"] {
        let note = "note: \(path)/checkpoints/step-00000\(step) is damaged ("
        #expect(resumed.standardOutput.contains(note), "\(resumed.standardOutput)")
      }
      #expect(try Job.digest(path) == digest)
      #expect(try Job.metrics(path) == metrics)
      let left = try FileManager.default.contentsOfDirectory(atPath: "\(path)/checkpoints").sorted()
      #expect(
        left == [
          "damaged-step-0000016", "damaged-step-0000024", "step-0000008", "step-0000016",
          "step-0000024",
        ])
    }

    @Test("a checkpoint that is asked for by name is not replaced by another")
    func byName() throws {
      let folder = try TemporaryDirectory()
      let path = try finishedRun(folder)
      let checkpoint = "\(path)/checkpoints/step-0000024"
      try change("\(checkpoint)/weights.safetensors") { $0[9] ^= 4 }
      expectFailure(
        try Job.run(2, ["--resume", checkpoint]), exitCode: 1, naming: ["weights.safetensors"])
    }
  }
}
