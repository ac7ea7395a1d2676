/// What a detection run is about to do, and what came of it.

import Console
import Detection
import DetectionData
import DetectionMetrics
import Distributed
import Kernels
import Networks
import Settings
import System
import Tensors

enum DetectionSummary {
  static func write(
    _ setup: DetectionSetup, _ replica: Replica, start: StartingPoint,
    parts: WeightsFile.DetectorParts?, ranks: ProcessGroup, folder: String, to console: any Console
  ) {
    let (configuration, data) = (setup.configuration, setup.data)
    let division = DivisionSummary(
      configuration, setup.layout, setup.timeline, start.progress.schedule, threads: 1,
      loadingThreads: 0, ranks)
    let architecture = replica.architecture
    let settings = setup.detector.settings
    var table = SummaryTable()
    table.add("network", "\(architecture.name): \(architecture.summary)")
    table.add("size", "\(architecture.parameterCount.grouped) parameters")
    table.add("training on", Self.text(data.train))
    table.add("validating on", Self.text(data.test))
    table.add(
      "classes", "\(data.train.classes.count): \(data.train.classes.joined(separator: ", "))")
    table.add("ranks", division.ranks)
    table.add("mini-batch", "\(configuration.parallel.batchSize) images, a shard each")
    table.add("schedule", division.schedule)
    table.add("optimizer", configuration.optimizer.rule.summary)
    if let average = configuration.weightAverage(setup.timeline) {
      table.add("average", average.summary)
    }
    table.add(
      "images",
      "shorter side \(configuration.detection.shortSide) pixels, longer side at most "
        + "\(configuration.detection.longSide)"
        + (configuration.augmentation.flip ? ", mirrored at random" : ""))
    table.add(
      "anchors",
      "\(settings.anchors.countPerPosition) at each position, \(settings.anchorSampling.count) an image are trained"
    )
    table.add(
      "regions",
      "\(settings.regionSampling.count) an image are trained, \(settings.testLimits.after) tested; "
        + "\(settings.pooling.rawValue) \(settings.pooledSide)×\(settings.pooledSide)")
    table.add("seed", "\(configuration.run.seed)")
    table.add("precision", configuration.network.precision.summary)
    table.add(
      "kernels",
      "Swift SIMD for \(ProcessorTarget.instructionSet), OpenBLAS for \(MatrixProduct.coreName)")
    table.add("memory", setup.memory.summary)
    switch settings.training {
    case .joint, .fourSteps: break
    case .proposals: table.add("loss", "that of the proposals alone")
    case .regions:
      let other = configuration.detection.proposalsFrom.map { "the proposals of \($0)" }
      table.add("loss", "that of the regions alone, on " + (other ?? "the network's own proposals"))
    }
    if let weights = configuration.network.weights {
      let what =
        parts?.isClassifier == true
        ? ": the backbone; proposals and regions start anew"
        : parts?.replaced.map {
          ": all but the last layers, which were for \($0.classes) classes and \($0.features) features"
        } ?? ""
      table.add("weights from", weights + what)
    }
    let layers = architecture.parameterizedLayers
    let frozen = layers.count { architecture.frozen.contains($0) }
    table.add(
      "frozen",
      "BN\(frozenParts(settings)): \(frozen) layers, \(layers.count - frozen) are trained"
    )
    if let checkpoint = start.checkpoint {
      table.add("resumed", "after step \(start.step.grouped) from \(checkpoint)")
    }
    table.add("run folder", folder)
    table.write(to: console)
    console.writeLine("")
  }

  /// What is frozen beside BN.
  private static func frozenParts(_ settings: Detector.Settings) -> String {
    " and \(settings.frozenStages) stages"
      + (settings.training.includesProposals ? "" : ", the proposal network")
      + (settings.training.includesRegions ? "" : ", layer4 and the regions' last layers")
  }

  static func text(_ dataset: DetectionDataset) -> String {
    let objects = dataset.images.reduce(0) { $0 + $1.objects.count }
    return "\(dataset.images.count.grouped) images with \(objects.grouped) objects, "
      + "\(dataset.form == .voc ? "VOC" : "COCO")"
  }

  /// The run's last lines.
  static func writeResult(
    _ outcome: DetectionTrainingRun.Outcome, _ dataset: DetectionDataset, to console: any Console
  ) {
    console.writeLine("")
    if let scores = outcome.scores { console.write(scores.text(dataset)) }
    console.writeLine("after \(Duration.clockText(seconds: outcome.seconds)) of training")
    if let best = outcome.best, let figure = outcome.scores?.figures.first {
      console.writeLine(
        "highest \(figure.name) \(NumberFormat.percent(1 - best.error, decimals: 2)) after step "
          + "\(best.step.grouped): --weights \(outcome.folder)/best")
    }
    console.writeLine("parameters sha256 \(outcome.parametersSHA256)")
    if let digest = outcome.averageSHA256 { console.writeLine("average sha256 \(digest)") }
    if let frozen = outcome.frozen {
      console.writeLine("frozen sha256 \(frozen.before) before training")
      console.writeLine("frozen sha256 \(frozen.after) after training")
    }
    console.writeLine("everything is in \(outcome.folder)")
  }
}

extension DetectionTrainingRun.Outcome {
  /// `{"model","samples","AP",…,"parameters_sha256",…}`.
  package var json: String {
    let before: [(name: String, value: JSON)] = [
      ("model", .string(model)), ("samples", .integer(images)),
    ]
    let figures = (scores?.figures ?? []).map { (name: $0.name, value: JSON.number($0.value)) }
    var after: [(name: String, value: JSON)] = [("parameters_sha256", .string(parametersSHA256))]
    if let averageSHA256 { after.append(("average_sha256", .string(averageSHA256))) }
    if let frozen {
      after.append(("frozen_sha256_before", .string(frozen.before)))
      after.append(("frozen_sha256_after", .string(frozen.after)))
    }
    if let best, let figure = scores?.figures.first {
      after.append(("best_step", .integer(best.step)))
      after.append(("best_\(figure.name.lowercased())", .number(1 - best.error)))
    }
    after += [("seconds", .number(seconds)), ("run_dir", .string(folder))]
    return JSON.members(before + figures + after).description
  }
}
