/// What a run is about to do, in a few aligned lines, and what came of it.

import Console
import Datasets
import Distributed
import Kernels
import Networks
import Optimizers
import Reports
import Settings
import Tensors

struct TrainingSummary {
  private let configuration: TrainingConfiguration
  private let architecture: Architecture
  private let testArchitecture: Architecture
  private let data: TrainingData
  private let division: DivisionSummary
  private let timeline: TrainingTimeline
  private let phases: [TrainingPhase]
  private let memory: MemoryNeed
  private let cached: CachedSplits
  private let folder: String
  /// Of the classifier that a new one took the place of.
  private let replacedClasses: Int?
  private let resumedFrom: (checkpoint: String, step: Int)?

  init(
    _ setup: RunSetup, _ replica: Replica, start: StartingPoint, ranks: ProcessGroup,
    folder: String
  ) {
    configuration = setup.configuration
    (architecture, testArchitecture) = (setup.architecture, setup.testArchitecture)
    data = setup.data
    division = DivisionSummary(
      setup.configuration, setup.division.layout, setup.timeline, start.progress.schedule,
      threads: replica.threads,
      loadingThreads: setup.configuration.parallel.workers, ranks)
    timeline = setup.timeline
    phases = setup.phases
    memory = setup.memory
    cached = setup.cached
    self.folder = folder
    replacedClasses = start.replacedClasses
    resumedFrom = start.checkpoint.map { ($0, start.step) }
  }

  func write(to console: any Console) {
    var table = SummaryTable()
    table.add("network", "\(architecture.name): \(architecture.summary)")
    table.add(
      "size",
      "\(architecture.parameterCount.grouped) parameters, "
        + "\(NumberFormat.millions(architecture.multiplyAdds)) multiply-adds an image")
    table.add("training on", data.train.name)
    if let validation = data.validation { table.add("validating on", validation.name) }
    table.add("testing on", data.test.name + (data.validation == nil ? "" : ", at the end"))
    table.add("classes", classes)
    table.add("ranks", division.ranks)
    table.add("mini-batch", division.batch)
    table.add("schedule", division.schedule)
    table.add("optimizer", configuration.optimizer.rule.summary)
    if let average = configuration.weightAverage(timeline) {
      table.add("average", average.summary)
    }
    table.add("augmentation", phases[phases.count - 1].transform.description)
    if phases.count > 1 { table.add("image sizes", imageSizes) }
    if data.testTransform != .none { table.add("test images", data.testTransform.description) }
    if let mixing = configuration.augmentation.mixing { table.add("mixing", mixing.summary) }
    if configuration.augmentation.repeats > 1 {
      table.add(
        "repeats",
        "each image \(configuration.augmentation.repeats) times, in one of as many epochs")
    }
    if let rule = configuration.augmentation.binaryTargets {
      table.add(
        "loss",
        "binary cross-entropy in training"
          + (rule.threshold.map { ", targets above \($0) are 1" } ?? ""))
    }
    if configuration.augmentation.labelSmoothing > 0 {
      table.add(
        "label smoothing", "\(configuration.augmentation.labelSmoothing), in the training loss")
    }
    if configuration.network.zeroInitResidual {
      table.add("initial weights", "the last scale of each residual block is 0")
    }
    table.add("seed", "\(configuration.run.seed)")
    table.add("precision", configuration.network.precision.summary)
    table.add(
      "kernels",
      "Swift SIMD for \(ProcessorTarget.instructionSet), OpenBLAS for \(MatrixProduct.coreName)")
    table.add("memory", memory.summary)
    if let weights = configuration.network.weights {
      let classifier = replacedClasses.map {
        ", with a new classifier"
          + (architecture.classes == $0
            ? "" : ": \(architecture.classes) classes instead of \($0)")
      }
      table.add("weights from", weights + (classifier ?? ""))
    }
    if !architecture.frozen.isEmpty {
      let trained = architecture.parameterizedLayers.count - architecture.frozen.count
      table.add(
        "frozen",
        (configuration.network.frozen.text.map { "\($0): " } ?? "")
          + "\(architecture.frozen.count) layers, \(trained) are trained")
    }
    if let features = cached.summary { table.add("features", features) }
    if let resumedFrom {
      table.add("resumed", "after step \(resumedFrom.step.grouped) from \(resumedFrom.checkpoint)")
    }
    table.add("run folder", folder)
    table.write(to: console)
    let updates = data.train.count / configuration.parallel.batchSize
    if case .epochs = configuration.schedule.length, updates < Self.fewUpdates {
      console.writeLine(
        "note: an epoch has only \(updates) \(updates == 1 ? "update" : "updates"): a smaller --batch-size has more, or give the "
          + "length with --iterations")
    }
    for note in imageNotes { console.writeLine("note: \(note)") }
    console.writeLine("")
  }

  /// Why an error on the images would say little, in a line for each reason.
  private var imageNotes: [String] {
    var notes: [String] = []
    if data.testsTrainingImages {
      notes.append(
        "the test images are the training images, so an error on them says little: "
          + (data.validation == nil ? "hold some out with --validation-split, or " : "")
          + "give others with --val-data")
    }
    let limits = configuration.data
    let splits: [(name: String, source: any ImageSource, isLimited: Bool, flag: String)] = [
      ("training", data.train, limits.trainLimit != nil, "--train-limit"),
      ("test", data.test, limits.testLimit != nil, "--test-limit"),
    ]
    if data.train.classCount == 1 {
      notes.append("there is one class, \(data.train.classNames[0]), so every answer is right")
    }
    let sides = [architecture, testArchitecture].map {
      Double(min($0.input.height, $0.input.width))
    }
    if max(sides[0], sides[1]) > Self.largeSizeRatio * min(sides[0], sides[1]) {
      notes.append(
        "the network is trained with images of \(architecture.input.height)×\(architecture.input.width) pixels "
          + "and tested with \(testArchitecture.input.height)×\(testArchitecture.input.width): "
          + "--val-resize-size and --val-crop-size change that")
    }
    for split in splits where data.train.classCount > 1 {
      guard let label = Self.onlyLabel(split.source) else { continue }
      notes.append(
        "the \(split.name) images in use are all of one class, \(split.source.classNames[label])"
          + (split.isLimited
            ? ": \(split.flag) takes the first images, which are sorted by class" : ""))
    }
    return notes
  }

  /// The label that all images of a source have; nil: they have several.
  private static func onlyLabel(_ source: any ImageSource) -> Int? {
    let first = source.label(at: 0)
    return (1..<source.count).allSatisfy { source.label(at: $0) == first } ? first : nil
  }

  /// Training and test sizes further apart than this cost accuracy (Touvron et al. 2019 gain by 1.3).
  private static let largeSizeRatio = 1.5

  /// Updates of an epoch below which the number of epochs says little.
  private static let fewUpdates = 4

  /// Their number, and the first names.
  private var classes: String {
    let names = data.train.classNames
    let shown = names.prefix(10).joined(separator: ", ")
    return "\(names.count.grouped): \(shown)" + (names.count > 10 ? ", …" : "")
  }

  private var imageSizes: String {
    phases.map { phase in
      let input = phase.architecture.input
      let start = phase.steps.lowerBound
      return "\(input.height)×\(input.width)"
        + (start == 0 ? "" : " after \(start.grouped) iterations")
    }.joined(separator: ", ")
  }

  private static func text(_ totals: EpochTotals) -> String {
    "\(NumberFormat.percent(totals.top1Error, decimals: 2)) "
      + "(\(totals.top1.grouped) of \(totals.images.grouped) right), loss "
      + NumberFormat.loss(totals.meanLoss)
  }

  /// The curves of a run's errors in letters, thin in training and bold in tests.
  static func writeCurves(_ folder: String, to console: any Console) throws {
    let run = try RunRecord(folder)
    func points(_ split: String) -> [(x: Double, y: Double)] {
      run.metrics(of: split).compactMap { metric in
        metric.top1Error.map { (Double(metric.step), $0) }
      }
    }
    let chart = TextChart(
      [
        .init(name: "training error", sign: ".", points: points("train")),
        .init(
          name: "\(run.evaluationSplit) error", sign: "#", points: points(run.evaluationSplit)),
      ], label: { NumberFormat.percent($0) })
    let lines = chart.lines(width: console.width)
    if lines.isEmpty { return }
    console.writeLine("")
    for line in lines { console.writeLine(line) }
  }

  /// The run's last lines.
  static func writeResult(_ outcome: TrainingRun.Outcome, to console: any Console) {
    console.writeLine("")
    if let validation = outcome.validation {
      console.writeLine("validation error \(text(validation))")
    }
    console.writeLine(
      "test error \(text(outcome.test)), after \(Duration.clockText(seconds: outcome.seconds))"
        + " of training")
    if let best = outcome.best {
      console.writeLine(
        "lowest \(outcome.validation == nil ? "test" : "validation") error "
          + "\(NumberFormat.percent(best.error, decimals: 2)) after step \(best.step.grouped): "
          + "--weights \(outcome.folder)/best")
    }
    console.writeLine("parameters sha256 \(outcome.parametersSHA256)")
    if let frozen = outcome.frozen {
      console.writeLine("frozen sha256 \(frozen.before) before training")
      console.writeLine("frozen sha256 \(frozen.after) after training")
    }
    if let digest = outcome.averageSHA256 { console.writeLine("average sha256 \(digest)") }
    console.writeLine("everything is in \(outcome.folder)")
  }
}
