/// A run as its folder tells of it.

import Foundation
import Settings

/// What a run folder says: settings, figures and, once it is finished, the result.
package struct RunRecord: Sendable {
  package let path: String
  package let configuration: TrainingConfiguration
  package let metrics: [Metric]
  /// Nil while the run is not finished.
  package let result: Result?
  /// What its last test got wrong; nil where the folder does not say.
  package let mistakes: Mistakes?
  /// Of a finished detector.
  package let precisionRecall: PrecisionRecallCurves?
  /// The runs of a training in four steps that have begun, in their order; empty of others.
  package let steps: [Step]

  /// One run of a training in four steps.
  package struct Step: Sendable {
    package let step: FourStepTraining
    package let run: RunRecord
  }

  /// A line of `metrics.jsonl`.
  package struct Metric: Decodable, Sendable {
    package let step: Int
    package let epoch: Int
    /// `train`, `validation` or `test`.
    package let split: String
    package let loss: Double?
    package let top1Error: Double?
    package let learningRate: Double?
    package let imagesPerSecond: Double?
    package let seconds: Double
    /// Of a detector: the parts of its loss.
    package let objectness: Double?
    package let proposalBox: Double?
    package let classification: Double?
    package let regionBox: Double?
    /// Of a detector: COCO's average precisions.
    package let averagePrecision: Double?
    package let averagePrecision50: Double?
    /// Of proposals: the part of the objects that one overlaps by 0.5, and its mean from 0.5 to 0.95.
    package let recall50: Double?
    package let averageRecall: Double?

    enum CodingKeys: String, CodingKey {
      case step, epoch, split, loss, seconds, objectness, classification, recall50
      case proposalBox = "proposal_box"
      case regionBox = "region_box"
      case averagePrecision = "AP"
      case averagePrecision50 = "AP50"
      case averageRecall = "average_recall"
      case top1Error = "top1_error"
      case learningRate = "lr"
      case imagesPerSecond = "images_per_second"
    }
  }

  /// `result.json`.
  package struct Result: Decodable, Sendable {
    package let model: String
    package let samples: Int
    /// A fraction right; nil of a detector.
    package let top1: Double?
    /// COCO's average precisions of a detector.
    package let averagePrecision: Double?
    package let averagePrecision50: Double?
    /// VOC's, of VOC data.
    package let averagePrecision11Points: Double?
    package let averagePrecisionArea: Double?
    /// Of proposals: the part of the objects that one overlaps by 0.5.
    package let recall50: Double?
    package let loss: Double?
    package let sha256: String
    package let averageSHA256: String?
    package let validationError: Double?
    package let bestStep: Int?
    package let bestError: Double?
    /// Of training.
    package let seconds: Double

    /// Of the test images, a fraction.
    package var testError: Double? { top1.map { 1 - $0 } }

    enum CodingKeys: String, CodingKey {
      case model, samples, top1, loss, seconds, recall50
      case averagePrecision = "AP"
      case averagePrecision50 = "AP50"
      case averagePrecision11Points = "AP_11_points"
      case averagePrecisionArea = "AP_area"
      case sha256 = "parameters_sha256"
      case averageSHA256 = "average_sha256"
      case validationError = "validation_error"
      case bestStep = "best_step"
      case bestError = "best_error"
    }
  }

  /// Reads a run folder.
  ///
  /// - Throws: `RunRecordError`, `ConfigurationError`.
  package init(_ path: String) throws {
    let files = FileManager.default
    var isFolder: ObjCBool = false
    guard files.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      throw RunRecordError.noFolder(path: path)
    }
    let config = "\(path)/\(Self.configName)"
    guard let yaml = files.contents(atPath: config) else {
      throw RunRecordError.noRun(path: path)
    }
    self.path = path
    configuration = try ConfigurationChanges(
      yaml: String(decoding: yaml, as: UTF8.self), path: config
    ).applied(to: TrainingConfiguration())
    metrics = try Self.metrics("\(path)/\(Self.metricsName)")
    let resultPath = "\(path)/result.json"
    result = try files.contents(atPath: resultPath).map { data in
      do { return try JSONDecoder().decode(Result.self, from: data) } catch {
        throw RunRecordError.damaged(path: resultPath, line: nil)
      }
    }
    let curvesPath = "\(path)/\(PrecisionRecallCurves.fileName)"
    precisionRecall = try files.contents(atPath: curvesPath).map { data in
      guard let curves = PrecisionRecallCurves(json: data) else {
        throw RunRecordError.damaged(path: curvesPath, line: nil)
      }
      return curves
    }
    let mistakesPath = "\(path)/\(Mistakes.fileName)"
    mistakes = try files.contents(atPath: mistakesPath).map { data in
      guard let mistakes = Mistakes(json: data) else {
        throw RunRecordError.damaged(path: mistakesPath, line: nil)
      }
      return mistakes
    }
    steps = try configuration.detection.network.training == .fourSteps ? Self.steps(in: path) : []
  }

  private static let configName = "config.yaml"
  static let metricsName = "metrics.jsonl"

  /// Whether the folder at `path` has a run's settings.
  static func hasConfiguration(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(path)/\(configName)")
  }

  private static func steps(in path: String) throws -> [Step] {
    try FourStepTraining.allCases.compactMap { step in
      let folder = "\(path)/\(step.folderName)"
      guard hasConfiguration(folder) else { return nil }
      return Step(step: step, run: try RunRecord(folder))
    }
  }

  private static func metrics(_ path: String) throws(RunRecordError) -> [Metric] {
    guard let lines = JSONLines<Metric>(path) else { return [] }
    // The last line of a run that is going on may be half-written.
    if let line = lines.badLine, !lines.endsInside { throw .damaged(path: path, line: line) }
    return lines.values
  }

  /// Whether it trains a detector.
  package var isDetector: Bool { configuration.detection.task == .detection }

  /// What its images are called: the data set, or the folder where that has no name.
  package var dataName: String {
    let data = configuration.data
    return isOfFolder ? Self.folderName(data.directory ?? "") : data.dataset.rawValue
  }

  /// Whether its images are no data set with a name.
  var isOfFolder: Bool {
    if isDetector { return true }
    return switch configuration.data.dataset {
    case .imageFolder, .tarShards: true
    case .fashionMNIST, .cifar10, .cifar100, .synthetic: false
    }
  }

  /// The last folder of a path, which may end in a pattern of tar files.
  private static func folderName(_ path: String) -> String {
    let path = path as NSString
    let folder = path.pathExtension == "tar" ? path.deletingLastPathComponent as NSString : path
    return folder.lastPathComponent.isEmpty ? path as String : folder.lastPathComponent
  }

  /// The figures of some images.
  package func metrics(of split: String) -> [Metric] { metrics.filter { $0.split == split } }

  /// The images that epochs were evaluated on.
  package var evaluationSplit: String {
    configuration.data.validationSplit == nil && !isDetector ? "test" : "validation"
  }

  /// The lowest error of an evaluation; nil before the first.
  package var bestError: Double? { metrics(of: evaluationSplit).compactMap(\.top1Error).min() }

  /// The test images' error at the end, or, of a run that goes on, at its last evaluation of them.
  package var testError: Double? {
    result?.testError ?? metrics(of: "test").last?.top1Error
  }

  /// Training images a second, over all logged steps.
  package var imagesPerSecond: Double? {
    let rates = metrics(of: "train").compactMap(\.imagesPerSecond).filter { $0 > 0 }
    if rates.isEmpty { return nil }
    // Lines have about as many images each, so their times add up.
    return Double(rates.count) / rates.reduce(0) { $0 + 1 / $1 }
  }

  /// Settings that are not the defaults, in their order.
  package var changes: [(key: String, value: String)] {
    let defaults = TrainingConfiguration().values
    return configuration.values.filter { value in
      defaults.first { $0.key == value.key }?.value != value.value
    }
  }

  /// The last part of its path.
  package var name: String { (path as NSString).lastPathComponent }
}

/// A folder cannot be reported on.
package enum RunRecordError: Error, Equatable, CustomStringConvertible {
  case noFolder(path: String)
  case noRun(path: String)
  case damaged(path: String, line: Int?)
  /// All folders were left out, for these reasons.
  case nothingLeft([String])

  package var description: String {
    switch self {
    case .noFolder(let path): "there is no folder \(path): give run folders, such as runs/NAME"
    case .noRun(let path):
      "\(path) is not the folder of a run: it has no config.yaml; give folders that train wrote"
    case .damaged(let path, let line):
      "\(path)\(line.map { ":\($0)" } ?? "") is not what train writes: it was changed or is damaged"
    case .nothingLeft(let reasons): "there is no run to report: \(reasons.joined(separator: "; "))"
    }
  }
}
