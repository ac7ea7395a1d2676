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
    package var errors: [Double] { runs.compactMap { $0.result.flatMap(\.testError) } }

    package var mean: Double? {
      errors.isEmpty ? nil : errors.reduce(0, +) / Double(errors.count)
    }

    /// The standard deviation over seeds, with n − 1; nil of less than two.
    package var deviation: Double? {
      guard let mean, errors.count > 1 else { return nil }
      let squares = errors.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return (squares / Double(errors.count - 1)).squareRoot()
    }
  }

  package let groups: [Group]
  /// Settings that differ between the groups.
  private let keys: [String]

  package init(_ runs: [RunRecord]) {
    var groups: [(configuration: TrainingConfiguration, runs: [RunRecord])] = []
    for run in runs {
      var configuration = run.configuration
      // What runs may differ in without being others.
      configuration.run = RunSettings()
      configuration.run.recipe = run.configuration.run.recipe
      if let index = groups.firstIndex(where: { $0.configuration == configuration }) {
        groups[index].runs.append(run)
      } else {
        groups.append((configuration, [run]))
      }
    }
    self.groups = groups.map { Group(runs: $0.runs) }
    let values = groups.map { group in
      Dictionary(uniqueKeysWithValues: group.configuration.values.map { ($0.key, $0.value) })
    }
    let shown = ["model", "dataset", "data-dir", "val-data"]
    keys = TrainingConfiguration.settings.map(\.key).filter { key in
      !shown.contains(key) && Set(values.map { $0[key] ?? "" }).count > 1
    }
  }

  package var header: [String] {
    ["model", "data set"] + keys
      + ["seeds", "test error", "best", "lowest in training", "images/s", "time", "state"]
  }

  package var rows: [[String]] { groups.map(row) }

  private func row(_ group: Group) -> [String] {
    let first = group.runs[0]
    let values = Dictionary(
      uniqueKeysWithValues: first.configuration.values.map { ($0.key, $0.value) })
    func percent(_ error: Double?) -> String {
      error.map { NumberFormat.percent($0, decimals: 2) } ?? "–"
    }
    let spread = group.deviation.map { " ± \(String(format: "%.2f", $0 * 100))" } ?? ""
    let rates = group.runs.compactMap(\.imagesPerSecond)
    let seconds = group.runs.compactMap { $0.result?.seconds }
    let finished = group.errors.count
    return [
      first.configuration.network.model, first.configuration.data.dataset.rawValue,
    ] + keys.map { values[$0] ?? "–" } + [
      "\(group.runs.count)", percent(group.mean) + spread, percent(group.errors.min()),
      percent(group.runs.compactMap(\.bestError).min()),
      rates.isEmpty ? "–" : NumberFormat.rate(rates.reduce(0, +) / Double(rates.count)),
      seconds.isEmpty
        ? "–" : Duration.clockText(seconds: seconds.reduce(0, +) / Double(seconds.count)),
      finished == group.runs.count ? "finished" : "\(group.runs.count - finished) unfinished",
    ]
  }
}
