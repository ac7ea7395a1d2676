/// `resnet-dist eval`: test a trained network, or several together.

import ArgumentParser
import Console
import Distributed
import Evaluation
import Foundation
import Runs
import Settings
import System

struct EvalCommand: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Evaluate a network on the test images, each exactly once.",
    discussion: """
      Weights from a run include their model, data set and normalization; for a plain \
      .safetensors or .pth file, name them:

        resnet-dist eval --weights runs/NAME
        resnet-dist eval --model resnet20 --weights resnet20.safetensors \\
            --dataset image-folder --data-dir images/test \\
            --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225

      Several --weights are an ensemble: the networks' softmax scores are averaged.

        resnet-dist eval --weights runs/A --weights runs/B

      The tests of the papers: ten crops, or whole images at several scales.

        resnet-dist eval --weights runs/NAME --crops 10
        resnet-dist eval --weights runs/NAME --dense --scales 224,256,384,480,640

      What the network gets wrong, as a page and for each image:

        resnet-dist eval --weights runs/NAME --report test.html \\
            --predictions test.csv
      """)

  @OptionGroup(title: "Networks") var ensemble: EnsembleFlags
  @OptionGroup(title: TestImageSelection.title) var data: SettingOptions<OfRun<TestImageSelection>>
  @OptionGroup(title: "Views") var views: ViewFlags
  @OptionGroup(title: PassSelection.title) var division: SettingOptions<OfRun<PassSelection>>

  @Flag(help: "Print one JSON object instead of text.")
  var json = false

  @Option(
    help: ArgumentHelp(
      "Write the class and the predicted class of each image, with their probabilities.",
      valueName: "file.csv"), completion: .file())
  var predictions: String?

  @Option(
    help: ArgumentHelp(
      "Write a page with the confusion matrix and the most confident mistakes.",
      valueName: "file.html"), completion: .file())
  var report: String?

  func run(on ranks: ProcessGroup) throws {
    let (requests, changes) = try ranks.together {
      try OutputFiles.check(
        [("--predictions", predictions), ("--report", report)], inputs: ensemble.weights)
      return (try ensemble.requests, try data.changes + division.changes)
    }
    let run = try EvaluationRun(
      requests, changes: changes, views: try views.views, ranks: ranks,
      // Stdout holds the JSON object alone.
      console: json ? StandardConsole.error : StandardConsole.output)
    let result = try run.evaluate(wantsPredictions: predictions != nil || report != nil)
    try ranks.onFirst {
      // First, so that a file that cannot be written does not cost the numbers, nor they the files.
      let printed = Result {
        try StandardConsole.output.writeResultLine(json ? result.json : result.text)
      }
      if let predictions, let csv = result.predictions?.csv {
        try AtomicFile.write(csv, to: predictions)
      }
      if let report { try AtomicFile.write(result.page(), to: report) }
      try printed.get()
    }
  }
}

/// Flags that name the networks to evaluate.
struct EnsembleFlags: ParsableArguments {
  @Option(
    name: [.long, .customLong("arch"), .customShort("a")],
    help: ArgumentHelp(
      "The network, as for training; once for all --weights or once for each. (default: the run's)",
      valueName: "name"))
  var model: [String] = []

  @Option(
    help: ArgumentHelp(
      "The residual nets' shortcuts; once for all --weights or once for each. (default: the run's)",
      valueName: "A|B|C"))
  var shortcut: [String] = []

  @Option(
    help: ArgumentHelp(
      "Which convolution of a bottleneck block has stride 2; once for all --weights or once for each. "
        + "(default: the run's, else 3x3)", valueName: "1x1|3x3"))
  var stridePlacement: [String] = []

  @Option(
    help: ArgumentHelp(
      "A run folder, a checkpoint, or a .safetensors or .pth file with torchvision's names. Repeat it "
        + "for an ensemble.", valueName: "path"), completion: .file())
  var weights: [String] = []

  func validate() throws {
    if weights.isEmpty {
      throw ValidationError(
        "eval needs --weights: a run folder, a checkpoint, or a .safetensors or .pth file")
    }
    let lists = [
      ("--model", model), ("--shortcut", shortcut), ("--stride-placement", stridePlacement),
    ]
    for (flag, values) in lists
    where values.count > 1 && values.count != weights.count {
      throw ValidationError(
        "\(flag) is given \(values.count) times for \(weights.count) --weights: give it once for all or "
          + "once for each, in the same order")
    }
  }

  /// A request for each of the weights.
  ///
  /// - Throws: `ConfigurationError`.
  var requests: [EvaluationRun.Request] {
    get throws {
      try weights.indices.map { index in
        let entries = [
          ("model", model), ("shortcut", shortcut), ("stride-placement", stridePlacement),
        ].compactMap { key, values -> ConfigurationChanges.Entry? in
          values.isEmpty ? nil : .init(key, values.count == 1 ? values[0] : values[index])
        }
        return EvaluationRun.Request(
          weights: weights[index], changes: try ConfigurationChanges(parsing: entries))
      }
    }
  }
}

/// Flags that say what the networks see of each image.
struct ViewFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Crops of each image whose scores are averaged: 1, the centre, or 10, the centre, the corners and "
        + "their mirror images. (default: 1)", valueName: "1|10"))
  var crops: Int?

  @Flag(
    help: ArgumentHelp(
      "Average scores over all positions of whole images and their mirror images: the network in fully "
        + "convolutional form."))
  var dense = false

  @Option(
    help: ArgumentHelp(
      "Shorter sides that --dense resizes images to. (default: 224,256,384,480,640 for ImageNet's "
        + "networks)", valueName: "list"))
  var scales: String?

  func validate() throws { _ = try views }

  var views: EvaluationViews {
    get throws {
      if let crops, crops != 1, crops != 10 {
        throw ValidationError("--crops is 1 or 10, not \(crops)")
      }
      guard dense else {
        if scales != nil { throw ValidationError("--scales are those of --dense: give both") }
        return crops == 10 ? .tenCrops : .center
      }
      if crops != nil {
        throw ValidationError("--crops and --dense are two ways of testing: use one at a time")
      }
      return .dense(scales: try scales.map(Self.lengths))
    }
  }

  /// Different lengths, separated by commas.
  private static func lengths(_ text: String) throws -> [Int] {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let lengths = parts.compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
    guard lengths.count == parts.count, Set(lengths).count == lengths.count,
      lengths.allSatisfy({ (1...4096).contains($0) })
    else {
      throw ValidationError(
        "--scales \(text): expected different numbers of pixels from 1 to 4096, such as "
          + "224,256,384,480,640")
    }
    return lengths
  }
}
