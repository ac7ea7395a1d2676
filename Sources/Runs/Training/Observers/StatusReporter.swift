/// Where the run is, for whoever looks at it from outside: `status.json`, and Prometheus's file.

import Console
import Distributed
import Foundation
import Reports
import Settings
import System

/// Rank 0's. A step only notes its figures; every few seconds they are written.
final class StatusReporter: TrainingObserver {
  private let folder: RunFolder
  /// Of `--prometheus-file`.
  private let prometheusPath: String?
  private let batchSize: Int
  private let timeline: TrainingTimeline
  private let clock: TrainingClock
  private var status: RunStatus
  private let firstStep: Int
  /// Bad images of the epochs before this one.
  private var earlierBadImages = 0
  /// What has written checkpoints; nil before training.
  var writer: CheckpointWriter?

  private static let interval = 5.0
  /// Of the last writing, by the monotonic clock.
  private var written = MonotonicClock.now
  private var longestGap = 0.0
  /// Training time and step at the last writing.
  private var before: (time: Double, step: Int)

  /// Writes the first status.
  ///
  /// - Throws: `PrometheusFileError` where that file cannot be written.
  init(
    _ run: RunDescription, start: StartingPoint, folder: RunFolder, clock: TrainingClock,
    ranks: ProcessGroup
  ) throws {
    let configuration = run.configuration
    self.folder = folder
    prometheusPath = configuration.run.prometheusFile
    batchSize = configuration.parallel.batchSize
    timeline = run.timeline
    self.clock = clock
    firstStep = start.step
    before = (0, start.step)
    status = RunStatus(
      state: .starting, model: run.model, dataset: run.dataset,
      host: ProcessInfo.processInfo.hostName,
      processId: Int(getpid()), ranks: ranks.count, hosts: ranks.hosts.groups.count,
      threads: run.threads, startTime: WallClock.now, step: start.step, steps: timeline.steps,
      epochs: timeline.epochs,
      evaluationSplit: run.evaluationSplit.rawValue)
    status.images = start.step * batchSize
    if start.step > 0 { status.epoch = timeline.epoch(ofStep: start.step) }
    update()
    if let prometheusPath {
      do { try writePrometheus() } catch {
        throw PrometheusFileError(path: prometheusPath, reason: "\(error)")
      }
    }
    try? folder.write(status)
  }

  func didStep(_ progress: TrainingProgress, learningRate: Double) {
    let isFirst = status.state == .starting
    status.state = .training
    status.step = progress.step
    status.epoch = timeline.epoch(ofStep: progress.step)
    status.images = progress.step * batchSize
    status.learningRate = learningRate
    status.skippedSteps = progress.skipped.total
    status.badImages = earlierBadImages + progress.badImages.count
    // The means of no image are no numbers.
    if progress.epochTotals.images > 0 {
      status.loss = Self.number(progress.epochTotals.meanLoss)
      if progress.epochTotals.terms == nil {
        status.top1Error = Self.number(progress.epochTotals.top1Error)
      }
    }
    if isFirst { write() } else { writeIfDue() }
  }

  /// An evaluation goes on.
  func isEvaluating() {
    status.state = .evaluating
    writeIfDue()
  }

  func didFinishEpoch(
    _ progress: TrainingProgress, learningRate: Double, test: EvaluationFigures?
  ) {
    earlierBadImages = status.badImages
    if let test {
      status.evaluationLoss = test.loss.flatMap(Self.number)
      status.evaluationTop1Error = test.top1Error.flatMap(Self.number)
    }
    status.state = .training
    writeIfDue()
  }

  /// The run has ended.
  ///
  /// - Parameter error: why, before its time; nil: it is finished.
  func end(_ error: (any Error)?) {
    status.state =
      error.map { ExitCode.of($0) == ExitCode.stopped ? .stopped : .failed } ?? .finished
    status.message = error.map { "\($0)" }
    write()
  }

  private func writeIfDue() {
    if MonotonicClock.now - written >= Self.interval { write() }
  }

  /// What cannot be written now may be next time; the run does not depend on it.
  private func write() {
    let now = MonotonicClock.now
    longestGap = max(longestGap, now - written)
    written = now
    update()
    try? folder.write(status)
    try? writePrometheus()
  }

  /// Brings what depends on time up to date.
  private func update() {
    let trained = clock.elapsed.seconds
    status.updateTime = WallClock.now
    // As the run's own watch: what it has not done yet may take long, later ten times as long as so far.
    status.patienceSeconds = status.state == .starting ? 300 : max(60, 10 * longestGap)
    status.trainingSeconds = clock.total.seconds
    status.peakResidentBytes = ResourceUsage.peakResidentBytes
    if status.step > before.step, trained > before.time {
      status.imagesPerSecond =
        Double((status.step - before.step) * batchSize) / (trained - before.time)
      status.remainingSeconds =
        Double(status.steps - status.step) * trained / Double(status.step - firstStep)
    }
    before = (trained, status.step)
    if let checkpoint = writer?.lastWritten {
      (status.checkpointStep, status.checkpointTime) = (checkpoint.step, checkpoint.time)
    }
  }

  private func writePrometheus() throws {
    guard let prometheusPath else { return }
    let name = TemporaryName.split(folder.absolutePath).name
    try AtomicFile.write(
      Array(PrometheusText.text(status, run: name).utf8), to: prometheusPath, isDurable: false)
  }

  private static func number(_ value: Double) -> Double? { value.isFinite ? value : nil }
}

/// The file for Prometheus cannot be written.
struct PrometheusFileError: UsageError, CustomStringConvertible {
  let path: String
  let reason: String

  var description: String {
    "--prometheus-file \(path): \(reason); it must be in a folder that exists and that you may write to, such "
      + "as node_exporter's --collector.textfile.directory"
  }
}
