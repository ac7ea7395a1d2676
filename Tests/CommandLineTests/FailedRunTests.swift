/// Runs that fail: divergence, foreign and damaged weights, run folders that cannot be used.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct FailedRunTests {
    /// A finished run of `Job.small`.
    private func finishedRun(_ folder: TemporaryDirectory, _ more: [String] = []) throws -> String {
      let path = folder.file("run")
      let outcome = try Job.run(
        2, Job.small + ["--iterations", "8", "--run-dir", path] + more)
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      return path
    }

    private func temporaries(below path: String) -> [String] {
      (FileManager.default.enumerator(atPath: path)?.allObjects as? [String] ?? [])
        .filter { $0.contains(".tmp-") }
    }

    @Test("a diverging loss ends all ranks at one step, and no checkpoint of it is written")
    func diverged() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run")
      let outcome = try Job.run(
        3,
        Job.small + [
          "--lr", "1e30", "--iterations", "20", "--checkpoint-every", "1", "--run-dir", path,
        ], timeout: Job.patience)
      expectFailure(outcome, exitCode: 1, naming: ["diverged", "--lr"])
      for name in try FileManager.default.contentsOfDirectory(atPath: "\(path)/checkpoints") {
        let evaluated = try Job.run(1, ["eval", "--weights", "\(path)/checkpoints/\(name)"])
        #expect(evaluated.exitCode == 0, "\(name) holds damaged parameters")
      }
      #expect(temporaries(below: path).isEmpty)
    }

    @Test("weights of another network are refused with what differs")
    func otherNetwork() throws {
      let folder = try TemporaryDirectory()
      let path = try finishedRun(folder)
      let weights = "\(path)/checkpoints/step-0000008/weights.safetensors"
      for (arguments, word) in [
        (["--model", "resnet14"], "layer1.1.bn1.bias"), (["--shortcut", "B"], "downsample"),
      ] {
        let eval = try Job.run(2, ["eval", "--weights", weights] + arguments)
        expectFailure(eval, exitCode: 1, naming: ["these weights are not of", word])
        let train = try Job.run(
          2, Job.small + ["--weights", weights] + arguments, in: folder.path)
        expectFailure(train, exitCode: 1, naming: ["these weights are not of", word])
      }
      // A plain network has the same tensors as a residual one.
      for (arguments, exitCode) in [
        (Job.small + ["--weights", weights, "--model", "plain8"], 1),
        (["eval", "--weights", weights, "--model", "plain8"], 2),
      ] as [([String], Int32)] {
        let plain = try Job.run(2, arguments, in: folder.path)
        expectFailure(plain, exitCode: exitCode, naming: ["plain8", "--model resnet8"])
      }
      #expect(!FileManager.default.fileExists(atPath: folder.file("runs")))
    }

    @Test("weights with another number of classes are refused with both numbers")
    func otherClasses() throws {
      let folder = try TemporaryDirectory()
      let path = try finishedRun(folder)
      let cifar = try TemporaryDirectory()
      for name in ["train.bin", "test.bin"] {
        try Data(count: 3074 * 40).write(to: URL(fileURLWithPath: cifar.file(name)))
      }
      let outcome = try Job.run(
        2, ["eval", "--weights", path, "--dataset", "cifar100", "--data-dir", cifar.path])
      expectFailure(outcome, exitCode: 2, naming: ["10 classes", "100"])
    }

    @Test("weights that do not say how images were normalized ask for it")
    func normalization() throws {
      let folder = try TemporaryDirectory()
      let path = try finishedRun(folder)
      let alone = folder.file("alone.safetensors")
      try FileManager.default.copyItem(
        atPath: "\(path)/checkpoints/step-0000008/weights.safetensors", toPath: alone)
      let arguments = [
        "eval", "--weights", alone, "--model", "resnet8", "--dataset", "synthetic",
      ]
      expectFailure(
        try Job.run(2, arguments), exitCode: 2, naming: ["alone.safetensors", "--mean", "--std"])
      let given = try Job.run(2, arguments + ["--mean", "none", "--std", "none"])
      #expect(given.exitCode == 0, "\(given.standardError)")
    }

    @Test(
      "a checkpoint cut short is refused by name",
      arguments: [
        "weights.safetensors", "optimizer.safetensors", "preprocessing.safetensors",
        "checkpoint.json",
      ])
    func cutShort(name: String) throws {
      let folder = try TemporaryDirectory()
      let path = try finishedRun(folder)
      let file = "\(path)/checkpoints/step-0000008/\(name)"
      let whole = try Data(contentsOf: URL(fileURLWithPath: file))
      try whole[..<(whole.count * 2 / 3)].write(to: URL(fileURLWithPath: file))
      let before = try String(contentsOfFile: "\(path)/metrics.jsonl", encoding: .utf8)
      expectFailure(
        try Job.run(2, ["--resume", path]), exitCode: 1, naming: [name, "older checkpoint"])
      expectFailure(try Job.run(2, ["eval", "--weights", path]), exitCode: 1, naming: [name])
      let after = try String(contentsOfFile: "\(path)/metrics.jsonl", encoding: .utf8)
      #expect(after == before)
      #expect(temporaries(below: path).isEmpty)
    }

    @Test("a checkpoint is resumed only by the run that it belongs to")
    func otherSettings() throws {
      let folder = try TemporaryDirectory()
      let path = try finishedRun(folder)
      for (flag, value) in [("--batch-size", "64"), ("--seed", "9"), ("--shards", "4")] {
        expectFailure(
          try Job.run(2, ["--resume", path, flag, value]), exitCode: 2, naming: [flag, value])
      }
      expectFailure(
        try Job.run(2, ["--resume", folder.file("nothing")]), exitCode: 1,
        naming: [folder.file("nothing")])
    }

    @Test("a run folder that is not empty, or in use, is left alone")
    func takenFolder() throws {
      let folder = try TemporaryDirectory()
      let path = try finishedRun(folder)
      let digest = try Job.digest(path)
      expectFailure(
        try Job.run(2, Job.small + ["--run-dir", path]), exitCode: 1, naming: [path, "--resume"])
      let lock = open("\(path)/lock", O_RDWR)
      #expect(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
      expectFailure(try Job.run(2, ["--resume", path]), exitCode: 1, naming: [path])
      close(lock)
      #expect(try Job.digest(path) == digest)
      // Below a file there can be no folder.
      let file = folder.file("file")
      try Data().write(to: URL(fileURLWithPath: file))
      expectFailure(
        try Job.run(2, Job.small + ["--run-dir", "\(file)/run"]), exitCode: 1, naming: [file])
    }

    /// A file system with room for nothing much, where this process may make one.
    private static func mountTiny(_ path: String) -> Bool {
      guard getuid() == 0 else { return false }
      let outcome = try? ProcessRunner.run(
        "mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", path])
      return outcome?.exitCode == 0
    }

    @Test("a full disk ends all ranks with one error and leaves no half checkpoint")
    func fullDisk() throws {
      let folder = try TemporaryDirectory()
      let disk = folder.file("disk")
      try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
      guard Self.mountTiny(disk) else {
        print("skipped: no right to mount a small file system")
        return
      }
      defer { _ = try? ProcessRunner.run("umount", [disk]) }
      let outcome = try Job.run(
        2, Job.small + ["--iterations", "8", "--run-dir", "\(disk)/run"], timeout: Job.patience)
      expectFailure(outcome, exitCode: 1, naming: ["No space left"])
      #expect(temporaries(below: disk).isEmpty)
      let names = try FileManager.default.contentsOfDirectory(atPath: "\(disk)/run/checkpoints")
      #expect(names.isEmpty, "\(names)")
    }
  }
}
