/// Runs side by side: one row for all seeds of a configuration.

import Console
import Foundation
import Settings

/// A table of runs, for people and for programs.
package struct RunTable: Sendable {
  /// Runs that differ in their seed alone.
  package struct Group: Sendable {
    package let runs: [RunRecord]

    /// The test errors of the finished ones.
    package var errors: [Double] { results(\.testError) }

    package var mean: Double? { Spread(errors)?.mean }

    /// The standard deviation over seeds, with n − 1; nil of less than two.
    package var deviation: Double? { Spread(errors)?.deviation }

    var finished: Int { runs.count { $0.result != nil } }

    /// A figure of the finished ones that have it.
    func results(_ figure: KeyPath<RunRecord.Result, Double?>) -> [Double] {
      runs.compactMap { $0.result?[keyPath: figure] }
    }

    /// The lowest error of an evaluation.
    var lowestError: Double? { runs.compactMap(\.bestError).min() }

    /// Of an average run.
    var imagesPerSecond: Double? { Spread(runs.compactMap(\.imagesPerSecond))?.mean }

    /// Of an average finished one.
    var seconds: Double? { Spread(runs.compactMap { $0.result?.seconds })?.mean }
  }

  /// A figure over seeds.
  struct Spread {
    let mean: Double
    /// With n − 1; nil of less than two.
    let deviation: Double?

    /// Nil of nothing.
    init?(_ values: [Double]) {
      if values.isEmpty { return nil }
      let mean = values.reduce(0, +) / Double(values.count)
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      self.mean = mean
      deviation = values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : nil
    }
  }

  package let groups: [Group]
  /// Settings that differ between the groups.
  let keys: [String]
  /// Whether its runs train detectors, which have average precisions instead of errors.
  let isOfDetectors: Bool

  /// The tables of some runs: one of classifiers and one of detectors, where there are some.
  package static func all(of runs: [RunRecord]) -> [RunTable] {
    [false, true].map { isDetector in runs.filter { $0.isDetector == isDetector } }
      .filter { !$0.isEmpty }.map { RunTable($0) }
  }

  /// - Parameter runs: of one task. Of runs that differ in nothing, which have the same bits, one is taken, if
  ///   possible a finished one.
  package init(_ runs: [RunRecord]) {
    let compared = (runs.first?.configuration.ownSettings ?? []).filter(\.tellsRunsApart)
    var groups: [(values: [String?], runs: [RunRecord])] = []
    for run in runs {
      let values = compared.map { $0.text(run.configuration) }
      guard let index = groups.firstIndex(where: { $0.values == values }) else {
        groups.append((values, [run]))
        continue
      }
      let seed = run.configuration.run.seed
      if let same = groups[index].runs.firstIndex(where: { $0.configuration.run.seed == seed }) {
        if groups[index].runs[same].result == nil { groups[index].runs[same] = run }
      } else {
        groups[index].runs.append(run)
      }
    }
    let all = groups.map { Group(runs: $0.runs) }
    let ofOneName = Dictionary(grouping: all) { $0.runs[0].dataName }.values
    self.groups = all
    isOfDetectors = runs.first?.isDetector ?? false
    keys = compared.filter { setting in
      func differs(_ groups: [Group]) -> Bool {
        Set(groups.map { setting.text($0.runs[0].configuration) }).count > 1
      }
      switch setting.key {
      // Columns of their own.
      case "task", "model": return false
      // The column of the data tells, unless different data have the same name.
      case "dataset", "data-dir", "val-data": return ofOneName.contains(where: differs)
      case _: return differs(all)
      }
    }.map(\.key)
  }

  package var header: [String] {
    var header = isOfDetectors ? ["model", "data", "task"] : ["model", "data set"]
    header += keys
    header +=
      isOfDetectors
      ? ["seeds", "AP", "AP50"] : ["seeds", "test error", "best", "lowest in training"]
    return header + ["images/s", "time", "state"]
  }

  package var rows: [[String]] { groups.map(row) }

  private func row(_ group: Group) -> [String] {
    let first = group.runs[0]
    var row = [first.configuration.network.model, first.dataName]
    if isOfDetectors { row.append(first.configuration.detection.task.rawValue) }
    row += values(of: group).map { $0 ?? "–" }
    row.append("\(group.runs.count)")
    if isOfDetectors {
      row.append(Self.text(over: group.results(\.averagePrecision)))
      row.append(Self.text(over: group.results(\.averagePrecision50)))
    } else {
      row.append(Self.text(over: group.errors))
      row.append(Self.text(group.errors.min()))
      row.append(Self.text(group.lowestError))
    }
    row.append(group.imagesPerSecond.map { NumberFormat.rate($0) } ?? "–")
    row.append(group.seconds.map { Duration.clockText(seconds: $0) } ?? "–")
    let unfinished = group.runs.count - group.finished
    row.append(unfinished == 0 ? "finished" : "\(unfinished) unfinished")
    return row
  }

  /// The settings that differ, in the order of `keys`; nil where one is not set.
  func values(of group: Group) -> [String?] {
    let values = Dictionary(
      uniqueKeysWithValues: group.runs[0].configuration.values.map { ($0.key, $0.value) })
    return keys.map { values[$0] }
  }

  private static func text(_ fraction: Double?) -> String {
    fraction.map { NumberFormat.percent($0, decimals: 2) } ?? "–"
  }

  /// The mean and, of several, the standard deviation.
  private static func text(over fractions: [Double]) -> String {
    let spread = Spread(fractions)
    return text(spread?.mean)
      + (spread?.deviation.map { " ± \(String(format: "%.2f", $0 * 100))" } ?? "")
  }
}

extension Setting {
  /// Whether runs with other values of it are others: it decides their parameters or their test.
  fileprivate var tellsRunsApart: Bool {
    switch effect {
    case .fixed, .result, .start: path != \TrainingConfiguration.run.seed
    case .none: Self.ofOrigin.contains(path)
    }
  }

  /// Settings without effect of their own that say which images a run is of, or which recipe it follows.
  private static var ofOrigin: [PartialKeyPath<TrainingConfiguration>] {
    [
      \.data.directory, \.data.testDirectory, \.data.testLimit, \.data.testResize,
      \.detection.trainingSet, \.detection.testSet, \.run.recipe,
    ]
  }
}
