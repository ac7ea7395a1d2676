/// Wrong command lines: one error from one rank, exit code 2, nothing written.

import Distributed
import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct UsageErrorTests {
    /// Arguments, and what the message must name.
    static let wrong: [([String], [String])] = [
      (["--model", "rasnet20"], ["unknown model 'rasnet20'", "resnet20"]),
      (["--model", "resnet21"], ["resnet21", "6n+2"]),
      (["--model", "plain20", "--shortcut", "B"], ["plain20", "--shortcut"]),
      (["--stride-placement", "2x2"], ["--stride-placement 2x2", "1x1 (v1) or 3x3 (v1.5)"]),
      (["--stride-placement", "1x1"], ["resnet20", "--stride-placement"]),
      (["--model", "plain20", "--zero-init-residual"], ["plain20", "--zero-init-residual"]),
      (["--label-smoothing", "1"], ["--label-smoothing 1", "below 1"]),
      (["inspect"], ["--model"]),
      (["inspect", "runs", "--model", "resnet50"], ["--model"]),
      (["inspect", "runs", "--classes", "7"], ["--classes", "--model"]),
      (["inspect", "--model", "resnet50", "--image-size", "0"], ["--image-size"]),
      (["inspect", "--model", "resnet50", "--image-size", "16385"], ["--image-size", "16384"]),
      (["inspect", "--model", "resnet50", "--image-size", "31"], ["31×31", "32×32 pixels"]),
      (["--modle", "resnet20"], ["--modle", "--model"]),
      (["--lr", "fast"], ["--lr fast", "positive number"]),
      (["--lr", "-1"], ["--lr"]),
      (["--batch-size", "0"], ["--batch-size 0"]),
      (["--batch-size", "7"], ["7 images", "8 logical shards", "--batch-size 8"]),
      (["--shards", "1"], ["2 ranks", "1 logical shards", "--shards 2"]),
      (["--epochs", "2", "--iterations", "5"], ["--epochs", "--iterations"]),
      (["--lr-milestones", "half"], ["--lr-milestones half"]),
      (["--lr-reference-batch", "0"], ["--lr-reference-batch 0"]),
      (
        ["--warmup-epochs", "5", "--warmup-iterations", "400"],
        ["--warmup-epochs", "--warmup-iterations"]
      ),
      (["--warmup-epochs", "-1"], ["--warmup-epochs"]),
      (["--warmup-method", "cosine"], ["--warmup-method cosine", "linear or constant"]),
      (["--reduction", "ring"], ["--reduction ring", "tree or mpi"]),
      (["--accumulate", "3"], ["mini-batch of 128", "3 micro-batches", "--accumulate"]),
      (["--accumulate", "4", "--bn-group-size", "64"], ["mini-batch of 32", "--bn-group-size"]),
      (["--bn-group-size", "48"], ["mini-batch of 128", "48", "--bn-group-size"]),
      (["--bn-group-size", "32", "--shards", "6"], ["4 groups", "multiple of 4"]),
      (["--optimizer", "adam"], ["--optimizer adam", "sgd, lars, lamb"]),
      (["--lars-trust", "0"], ["--lars-trust 0", "positive number"]),
      (["--dataset", "imagenet"], ["--dataset imagenet", "cifar10"]),
      (["--dataset", "image-folder"], ["--data-dir"]),
      (["--mean", "0.5,0.5"], ["--mean 0.5,0.5"]),
      (["--std", "0,1,1"], ["--std 0,1,1"]),
      (["--momentum", "1"], ["--momentum 1"]),
      (["eval"], ["--weights"]),
      (["data", "fetch", "mnist"], ["mnist", "cifar10"]),
      (["train", "surplus"], ["surplus"]),
    ]

    @Test("a wrong flag or value is named once and ends all ranks with 2", arguments: wrong)
    func wrongFlags(arguments: [String], words: [String]) throws {
      let folder = try TemporaryDirectory()
      let data =
        arguments.contains("--dataset") || !arguments[0].hasPrefix("--")
        ? [] : ["--dataset", "synthetic"]
      let outcome = try Job.run(
        2, arguments + data, in: folder.path, timeout: Job.patience)
      expectFailure(outcome, exitCode: 2, naming: words)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    /// Flags of other programs, and what the message must say.
    static let foreign: [([String], String)] = [
      (["detect", "train", "--lr-steps", "16", "22"], "--lr-milestones"),
      (["detect", "train", "--lr_steps", "16", "22"], "'--lr_steps': use --lr-milestones"),
      (["detect", "train", "--amp"], "--precision bf16"),
      (["detect", "train", "--dataset", "coco"], "the format of --data-dir is detected"),
      (["detect", "train", "--rpn-score-thresh", "0.1"], "--rpn-post-nms-top-n-test limits"),
      (["detect", "train", "--trainable-backbone-layers=3"], "--freeze-stages"),
      (["detect", "train", "--test-only"], "resnet-dist detect eval"),
      (["detect", "train", "--image-mean", "0,0,0"], "--mean"),
      (["detect", "train", "--weights-backbone", "x"], "use --weights with"),
      (["detect", "train", "--rpn-pre-nms-top-n", "9"], "--rpn-pre-nms-top-n-train and"),
      (
        ["detect", "train", "--rpn_pre_nms_top_n_train", "9"],
        "Did you mean '--rpn-pre-nms-top-n-train'?"
      ),
      (["--amp"], "--precision bf16"), (["--device", "cuda"], "on processors alone"),
      (["--world-size", "2"], "mpirun -n N"), (["--dist-url=env://"], "through MPI"),
      (["--test-only"], "resnet-dist eval"), (["--pretrained"], "use --weights with"),
      (["--print-freq", "10"], "metrics.jsonl"), (["--sync-bn"], "--bn-group-size"),
      (["--batch_size", "8"], "Did you mean '--batch-size'?"),
    ]

    @Test(
      "flags of PyTorch's, torchvision's and timm's scripts are answered in our words",
      arguments: foreign)
    func foreignFlags(arguments: [String], words: String) throws {
      let outcome = try Job.alone(arguments)
      expectFailure(outcome, exitCode: 2, naming: ["Unknown option", words, "--help"])
      let suggestions = outcome.standardError.components(separatedBy: "Did you mean").count - 1
      #expect(suggestions == (words.contains("Did you mean") ? 1 : 0))
    }

    @Test("without mpirun the same holds")
    func alone() throws {
      let folder = try TemporaryDirectory()
      for (arguments, word) in [
        (["--modle", "resnet20"], "--modle"),
        (["--dataset", "synthetic", "--model", "resnet3"], "resnet3"),
      ] {
        let outcome = try Job.alone(arguments, in: folder.path)
        expectFailure(outcome, exitCode: 2, naming: [word])
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
      }
    }

    @Test("ranks started with different flags are told which and how")
    func differentFlags() throws {
      let folder = try TemporaryDirectory()
      let lr = try Job.run(
        each: [Job.small + ["--lr", "0.1"], Job.small + ["--lr", "0.2"]], in: folder.path)
      expectFailure(lr, exitCode: 2, naming: ["lr is 0.1 on rank 0 and 0.2 on rank 1"])
      let unknown = try Job.run(
        each: [Job.small, Job.small, Job.small + ["--bogus"]], in: folder.path)
      expectFailure(unknown, exitCode: 2, naming: ["--bogus"])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test("ranks started with different commands end instead of waiting for each other")
    func differentCommands() throws {
      let folder = try TemporaryDirectory()
      for commands in [
        [Job.small, ["inspect", folder.path]], [["inspect", folder.path], Job.small],
        [["eval", "--weights", folder.path], Job.small],
      ] {
        let outcome = try Job.run(each: commands, in: folder.path)
        let names = commands.map { $0[0].hasPrefix("--") ? "train" : $0[0] }
        expectFailure(
          outcome, exitCode: 2,
          naming: ["the command is \(names[0]) on rank 0 and \(names[1]) on rank 1"])
      }
      // A rank with a wrong flag speaks, even where the other one only wants help.
      let outcome = try Job.run(each: [["--help"], ["--bogus"]], in: folder.path)
      expectFailure(outcome, exitCode: 2, naming: ["--bogus"])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test("a bad value in a configuration file is named with the file")
    func badValueInFile() throws {
      let folder = try TemporaryDirectory()
      try "dataset: synthetic\nlr: fast\n".write(
        toFile: folder.file("run.yaml"), atomically: true, encoding: .utf8)
      expectFailure(
        try Job.run(2, ["--config", "run.yaml"], in: folder.path), exitCode: 2,
        naming: ["run.yaml:2: lr: fast: expected"])
      expectFailure(
        try Job.run(2, ["--config", "nowhere.yaml"], in: folder.path), exitCode: 2,
        naming: ["nowhere.yaml"])
    }

    @Test("an unknown key in a configuration file is named with the nearest known one")
    func unknownKey() throws {
      let folder = try TemporaryDirectory()
      let path = folder.file("run.yaml")
      try "dataset: synthetic\nmomentun: 0.8\n".write(
        toFile: path, atomically: true, encoding: .utf8)
      expectFailure(
        try Job.run(2, ["--config", path], in: folder.path), exitCode: 2,
        naming: ["run.yaml:2: ", "momentun", "momentum"])
      try "dataset: [synthetic\n".write(toFile: path, atomically: true, encoding: .utf8)
      expectFailure(
        try Job.run(2, ["--config", path], in: folder.path), exitCode: 2, naming: ["run.yaml"])
    }
  }
}
