/// What `doctor` thinks of the run itself: images, memory, disk and time.

import Console
import Foundation

extension Examination {
  var runFindings: [Finding] {
    if let failure {
      return [
        Finding(
          .problem, "run",
          failure.reason
            + (ranks.count > 1
              ? " (rank \(failure.rank) on \(ranks[failure.rank].host))" : ""))
      ]
    }
    return [images, badImages, memory, disk, loadingFinding, time].compactMap(\.self)
  }

  private var images: Finding? {
    run.map {
      Finding(
        .ok, "images",
        "\($0.trainingImages.grouped) for training and \($0.testImages.grouped) for tests"
          + (ranks.count > 1 ? ", the same on all ranks" : ""))
    }
  }

  /// Bad images among those that were loaded.
  private var badImages: Finding? {
    guard let run, let loading, let example = loading.badImage else { return nil }
    return Finding(
      run.skipsBadImages ? .note : .problem, "bad images",
      "\(loading.badImages.grouped) of the \(loading.images.grouped) images that were loaded: \(example)",
      remedy: "doctor --data names all: repair or remove them"
        + (run.skipsBadImages ? "" : ", or train with --on-bad-image skip"))
  }

  /// The hosts' memory; that there is too little has ended the examination before.
  private var memory: Finding? {
    guard let run else { return nil }
    var tightest: (host: String, need: Int, share: Double)?
    for host in hosts {
      let need = host.ranks.reduce(0) { $0 + run.memoryBytes[$1] }
      guard let available = ranks[host.ranks[0]].availableMemory, available > 0 else { continue }
      let share = Double(need) / Double(available)
      if share > tightest?.share ?? 0 { tightest = (host.name, need, share) }
    }
    let largest = "\(NumberFormat.mebibytes(run.memoryBytes.max() ?? 0)) a rank"
    guard let tightest else {
      return Finding(.note, "memory", largest + "; how much is free is unknown")
    }
    let text =
      largest + ", \(NumberFormat.mebibytes(tightest.need)) on \(tightest.host): "
      + "\(NumberFormat.percent(tightest.share, decimals: 0)) of what is free"
    return tightest.share < 0.9
      ? Finding(.ok, "memory", text)
      : Finding(
        .warning, "memory", text,
        remedy: run.isDetector
          ? "a smaller --min-size and --max-size, or fewer --box-batch-size-per-image"
          : "a smaller --batch-size, or keep it and train it in micro-batches with --accumulate"
      )
  }

  /// Room for the newest checkpoints, the best, and one that is being written.
  private var disk: Finding? {
    guard let run else { return nil }
    guard run.folderIsWritable else {
      return Finding(
        .problem, "disk", "\(run.folder) is no folder that files can be made in",
        remedy: "choose another --run-dir")
    }
    guard let free = run.freeDiskBytes else { return nil }
    let most = (run.keptCheckpoints + 2) * run.checkpointBytes
    let text =
      "\(NumberFormat.bytes(free)) free in \(run.folder); checkpoints take "
      + "\(NumberFormat.bytes(run.checkpointBytes)) each, \(NumberFormat.bytes(most)) at most"
    let remedy = "free some space, choose another --run-dir, or a smaller --keep-checkpoints"
    if free < 2 * run.checkpointBytes { return Finding(.problem, "disk", text, remedy: remedy) }
    return free < most + most / 4
      ? Finding(.warning, "disk", text, remedy: remedy) : Finding(.ok, "disk", text)
  }

  /// Cores of a rank that loading its images takes.
  private var loadingCores: Double? {
    guard let step, let loading else { return nil }
    return step.imagesPerSecond / Double(step.ranks) / loading.imagesPerCoreSecond
  }

  /// Loading takes its share of the cores that train.
  private var loadingFinding: Finding? {
    guard let step, let loading, let cores = loadingCores else { return nil }
    let share = NumberFormat.percent(cores / Double(step.threads), decimals: 1)
    let rates =
      "a core prepares \(NumberFormat.rate(loading.imagesPerCoreSecond)) images/s, a rank trains "
      + "\(NumberFormat.rate(step.imagesPerSecond / Double(step.ranks)))"
    return cores <= Double(loading.workers)
      ? Finding(.ok, "loading", "\(rates): \(share) of a rank's cores")
      : Finding(
        .warning, "loading", "\(rates): the network waits for images",
        remedy:
          "--workers \(Int(cores.rounded(.up))), which take \(share) of a rank's cores, or smaller "
          + "images on the disk")
  }

  /// Training images a second with everything, where loading may take cores from training.
  private var imagesPerSecond: Double? {
    guard let step else { return nil }
    guard let loading, let cores = loadingCores else { return step.imagesPerSecond }
    let fed = min(
      step.imagesPerSecond,
      Double(step.ranks * loading.workers) * loading.imagesPerCoreSecond)
    let taken = fed / step.imagesPerSecond * cores
    let hasSpare = hosts.allSatisfy { host in
      let busy = Double(threads(of: host)) + taken * Double(host.ranks.count)
      return busy <= Double(processors(of: host).count)
    }
    return hasSpare ? fed : fed / (1 + taken / Double(step.threads))
  }

  private var time: Finding? {
    guard let run, let rate = imagesPerSecond, rate > 0 else { return nil }
    let evaluation = Double(run.testImages) * run.evaluationShare / rate
    let whole =
      Double(run.steps * run.batchSize) / rate + Double(run.evaluations) * evaluation
    let epoch = min(Double(run.trainingImages) / rate, Double(run.steps * run.batchSize) / rate)
    let text =
      "\(run.model): about \(NumberFormat.rate(rate)) images/s, \(Duration.clockText(seconds: epoch)) an "
      + "epoch, \(Duration.clockText(seconds: whole)) the run of \(run.epochs.grouped) "
      + "\(run.epochs == 1 ? "epoch" : "epochs") with its tests"
    if let limit = run.maximumSeconds, whole > Double(limit) {
      return Finding(
        .note, "time", text + ", longer than --max-time",
        remedy: "start it again with --resume auto after each stop (exit code 75), about "
          + "\(Int((whole / Double(limit)).rounded(.up))) times in all")
    }
    return Finding(.ok, "time", text)
  }
}
