/// Where a run is, as it says itself: `status.json` in its folder.

import Foundation
import System

/// Replaced every few seconds while the run goes on; keys of its JSON are stable.
package struct RunStatus: Codable, Equatable, Sendable {
  package enum State: String, Codable, Sendable, CaseIterable {
    /// Before its first step.
    case starting
    case training
    case evaluating
    /// Saved, to be resumed.
    case stopped
    case failed
    case finished

    /// Whether the run says that it has ended.
    package var isEnd: Bool {
      switch self {
      case .starting, .training, .evaluating: false
      case .stopped, .failed, .finished: true
      }
    }
  }

  package var state: State
  /// Why it has ended, where it did not finish.
  package var message: String?
  package var model: String
  package var dataset: String
  package var host: String
  package var processId: Int
  package var ranks: Int
  package var hosts: Int
  package var threads: Int
  /// When this process began, and when this was written, in seconds since 1970.
  package var startTime: Double
  package var updateTime: Double
  /// Seconds without an update after which something is wrong.
  package var patienceSeconds: Double
  /// Steps done, and of the whole run.
  package var step: Int
  package var steps: Int
  /// The present one, from 1 on.
  package var epoch: Int
  package var epochs: Int
  /// Training images of all steps so far.
  package var images: Int
  /// Of the present epoch's images so far; nil before the first step and where it is no number.
  package var loss: Double?
  package var top1Error: Double?
  package var learningRate: Double?
  /// Of the last seconds.
  package var imagesPerSecond: Double?
  /// Of training, those before a resume included.
  package var trainingSeconds: Double
  /// Of training, until the run's end.
  package var remainingSeconds: Double?
  /// The last evaluation.
  package var evaluationSplit: String
  package var evaluationLoss: Double?
  package var evaluationTop1Error: Double?
  /// The newest that is on disk.
  package var checkpointStep: Int?
  package var checkpointTime: Double?
  package var skippedSteps: Int
  package var badImages: Int
  package var peakResidentBytes: Int

  package static let fileName = "status.json"

  package init(
    state: State, model: String, dataset: String, host: String, processId: Int, ranks: Int,
    hosts: Int, threads: Int, startTime: Double, step: Int, steps: Int, epochs: Int,
    evaluationSplit: String
  ) {
    (self.state, self.model, self.dataset) = (state, model, dataset)
    (self.host, self.processId, self.ranks) = (host, processId, ranks)
    (self.hosts, self.threads, self.startTime) = (hosts, threads, startTime)
    (self.step, self.steps, self.epochs) = (step, steps, epochs)
    (updateTime, patienceSeconds, trainingSeconds) = (startTime, 60, 0)
    (epoch, images, skippedSteps, badImages, peakResidentBytes) = (1, 0, 0, 0, 0)
    self.evaluationSplit = evaluationSplit
  }

  /// The status of the run at `path`; nil where its folder has none that can be read.
  package init?(ofRun path: String) {
    guard let data = FileManager.default.contents(atPath: "\(path)/\(Self.fileName)") else {
      return nil
    }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    guard let status = try? decoder.decode(RunStatus.self, from: data) else { return nil }
    self = status
  }

  package var json: String { sortedJSON }
}
