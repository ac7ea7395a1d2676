/// What flags of PyTorch's, torchvision's and timm's training scripts are called here.

import ArgumentParser

/// Flags that commands do not take, with what to do instead.
///
/// The parser would suggest the flag of the nearest spelling, which may mean something else.
enum ForeignFlags {
  private struct Answer {
    /// Without dashes.
    let names: [String]
    /// Flags that the answer names; it is for commands that have them.
    let flags: [String]
    let text: String

    init(_ names: [String], for flags: [String] = [], _ text: String) {
      (self.names, self.flags, self.text) = (names, flags, text)
    }
  }

  /// The first one that a command has the flags for counts.
  private static let answers: [Answer] = [
    Answer(
      ["lr-steps", "decay-milestones", "milestones"], for: ["--lr-milestones"],
      "use --lr-milestones, such as 16,22 or 60%,85%"),
    Answer(
      ["lr-step-size", "step-size", "decay-epochs"], for: ["--lr-milestones"],
      "name each drop: --lr-milestones 30,60,90 for one after every 30 epochs"),
    Answer(
      ["lr-warmup-decay", "warmup-factor"], for: ["--warmup-lr"],
      "use --warmup-lr with the first rate itself, that factor of --lr"),
    Answer(["decay-rate", "gamma"], for: ["--lr-gamma"], "use --lr-gamma"),
    Answer(
      ["amp", "amp-dtype", "apex-amp", "native-amp", "fp16", "bf16", "half"], for: ["--precision"],
      "use --precision bf16"),
    Answer(
      ["device", "gpu", "gpus", "gpu-id", "cuda", "no-cuda", "accelerator"],
      "it runs on processors alone: leave it out"),
    Answer(
      [
        "world-size", "nproc-per-node", "nnodes", "nodes", "num-nodes", "rank", "local-rank",
        "node-rank", "ngpus-per-node", "multiprocessing-distributed", "distributed",
      ], "ranks are started by mpirun -n N: leave it out"),
    Answer(
      ["dist-url", "dist-backend", "dist-file", "backend", "master-addr", "master-port"],
      "ranks find each other through MPI: leave it out"),
    Answer(
      ["test-only", "evaluate", "eval-only"], for: ["--min-size", "--resume"],
      "use 'resnet-dist detect eval --weights RUN'"),
    Answer(
      ["test-only", "evaluate", "eval-only"], for: ["--resume"],
      "use 'resnet-dist eval --weights RUN'"),
    Answer(
      [
        "pretrained", "weights-backbone", "pretrained-backbone", "initial-checkpoint",
        "pretrained-path",
      ], for: ["--weights"], "use --weights with a file, such as a .pth of torchvision"),
    Answer(["start-epoch"], for: ["--resume"], "--resume knows where the run was: leave it out"),
    Answer(
      ["print-freq", "log-interval", "log-freq"], for: ["--report"],
      "each epoch has a line, and RUN/metrics.jsonl more: leave it out"),
    Answer(
      ["sync-bn", "sync-batchnorm", "syncbn"], for: ["--bn-group-size"],
      "BN has the statistics of the whole mini-batch, or of --bn-group-size images: leave it out"),
    Answer(
      ["sync-bn", "sync-batchnorm", "syncbn"], for: ["--freeze-stages"],
      "a detector's BN is fixed: leave it out"),
    Answer(
      ["model-ema", "ema"], for: ["--ema-decay"], "use --ema-decay, such as 0.9999"),
    Answer(
      ["grad-accum-steps", "gradient-accumulation-steps", "accumulation-steps", "accum-iter"],
      for: ["--accumulate"], "use --accumulate, which divides --batch-size"),
    Answer(["checkpoint-hist"], for: ["--keep-checkpoints"], "use --keep-checkpoints"),
    Answer(["experiment", "output", "save-dir", "log-dir"], for: ["--run-dir"], "use --run-dir"),
    Answer(["num-workers"], for: ["--workers"], "use --workers"),
    Answer(
      ["num-classes", "nb-classes"], for: ["--data-dir"], "the data tell the classes: leave it out"),
    Answer(["hflip", "hflip-prob"], for: ["--flip"], "use --flip or --no-flip"),
    Answer(
      ["use-deterministic-algorithms", "deterministic"],
      "runs always have the same bits: leave it out"),
    Answer(["dataset"], for: ["--data-dir", "--val-set"], "the format of --data-dir is detected"),
    Answer(["image-mean"], for: ["--mean"], "use --mean R,G,B"),
    Answer(["image-std"], for: ["--std"], "use --std R,G,B"),
    Answer(
      ["trainable-backbone-layers", "trainable-layers"], for: ["--freeze-stages"],
      "use --freeze-stages, the number of those that keep their weights: 2 for torchvision's 3"),
    Answer(
      ["rpn-pre-nms-top-n"], for: ["--rpn-pre-nms-top-n-train", "--rpn-pre-nms-top-n-test"],
      "use --rpn-pre-nms-top-n-train and --rpn-pre-nms-top-n-test"),
    Answer(
      ["rpn-post-nms-top-n"], for: ["--rpn-post-nms-top-n-train", "--rpn-post-nms-top-n-test"],
      "use --rpn-post-nms-top-n-train and --rpn-post-nms-top-n-test"),
    Answer(
      ["rpn-pre-nms-top-n"], for: ["--rpn-pre-nms-top-n-test"], "use --rpn-pre-nms-top-n-test"),
    Answer(
      ["rpn-post-nms-top-n"], for: ["--rpn-post-nms-top-n-test"], "use --rpn-post-nms-top-n-test"),
    Answer(
      ["rpn-score-thresh"], for: ["--rpn-post-nms-top-n-test"],
      "proposals have no least score; --rpn-post-nms-top-n-test limits their number"),
    Answer(
      ["box-bg-iou-thresh"], for: ["--box-fg-iou-thresh"],
      "regions below --box-fg-iou-thresh are background: leave it out"),
    Answer(
      ["aspect-ratio-group-factor"], for: ["--min-size"],
      "no image is padded to others' size: leave it out"),
  ]

  /// A message of the parser, which says of a foreign flag what it is called here.
  static func explained(_ message: String) -> String {
    let unknown = #/Unknown option '--([^'=]+)'(?:\. Did you mean '[^']+'\?)?/#
    guard let match = message.firstMatch(of: unknown),
      let help = message.firstMatch(of: #/See 'resnet-dist ?([^']*) --help'/#)
    else { return message }
    let flags = Self.flags(of: help.1.split(separator: " "))
    let name = String(match.1).replacing("_", with: "-")
    let answer: String
    if flags.contains("--\(name)") {
      answer = ". Did you mean '--\(name)'?"
    } else if let known = answers.first(where: {
      $0.names.contains(name) && flags.isSuperset(of: $0.flags)
    }) {
      answer = ": \(known.text)"
    } else {
      return message
    }
    return message.replacing(
      unknown, with: "Unknown option '--\(match.1)'\(answer)", maxReplacements: 1)
  }

  /// The flags that a command's help has.
  private static func flags(of command: [Substring]) -> Set<String> {
    let type = command.reduce(ResnetDist.self as any ParsableCommand.Type) { type, name in
      type.configuration.subcommands.first { $0.configuration.commandName == String(name) } ?? type
    }
    let lines = ResnetDist.helpMessage(for: type).split(separator: "\n")
    let names = lines.filter { $0.hasPrefix("  -") }.flatMap { line in
      line.split(separator: " ").prefix { $0.hasPrefix("-") || $0.hasPrefix("<") }
        .flatMap { $0.split(whereSeparator: { ",/".contains($0) }) }
    }
    return Set(names.map(String.init))
  }
}
