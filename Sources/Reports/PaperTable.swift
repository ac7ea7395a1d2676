/// The papers' tables, with a column for what was measured here.

import Console
import Settings

/// A table of a paper.
package enum PaperTable: String, CaseIterable, Sendable {
  case table2 = "2"
  case table3 = "3"
  case table4 = "4"
  case table6 = "6"
  case resNeXt = "resnext"

  package var title: String {
    switch self {
    case .table2:
      "He et al. 2015, Table 2: top-1 error on ImageNet validation, 10-crop testing"
    case .table3:
      "He et al. 2015, Table 3: top-1 error on ImageNet validation, 10-crop testing"
    case .table4:
      "He et al. 2015, Table 4: error of single models on ImageNet validation, dense at five scales"
    case .table6: "He et al. 2015, Table 6: test error on CIFAR-10"
    case .resNeXt: "Xie et al. 2017, Table 7: test error on CIFAR-10"
    }
  }

  /// A row: a network and the paper's error of it in percent, as it is printed there.
  private struct Row {
    let model: String
    var shortcut: String?
    let paper: String
    /// Of Table 4.
    var top5: String?

    var name: String { model + (shortcut.map { ", shortcut \($0)" } ?? "") }
  }

  private var rows: [Row] {
    switch self {
    case .table2:
      [
        Row(model: "plain18", paper: "27.94"), Row(model: "resnet18", paper: "27.88"),
        Row(model: "plain34", paper: "28.54"),
        Row(model: "resnet34", shortcut: "A", paper: "25.03"),
      ]
    case .table3:
      [
        Row(model: "plain34", paper: "28.54"),
        Row(model: "resnet34", shortcut: "A", paper: "25.03"),
        Row(model: "resnet34", shortcut: "B", paper: "24.52"),
        Row(model: "resnet34", shortcut: "C", paper: "24.19"),
        Row(model: "resnet50", paper: "22.85"),
        Row(model: "resnet101", paper: "21.75"), Row(model: "resnet152", paper: "21.43"),
      ]
    case .table4:
      [
        Row(model: "resnet34", shortcut: "B", paper: "21.84", top5: "5.71"),
        Row(model: "resnet34", shortcut: "C", paper: "21.53", top5: "5.60"),
        Row(model: "resnet50", paper: "20.74", top5: "5.25"),
        Row(model: "resnet101", paper: "19.87", top5: "4.60"),
        Row(model: "resnet152", paper: "19.38", top5: "4.49"),
      ]
    case .table6:
      [
        Row(model: "resnet20", paper: "8.75"), Row(model: "resnet32", paper: "7.51"),
        Row(model: "resnet44", paper: "7.17"), Row(model: "resnet56", paper: "6.97"),
        Row(model: "resnet110", paper: "6.43 (6.61 ± 0.16)"),
        Row(model: "resnet1202", paper: "7.93"),
      ]
    case .resNeXt:
      [
        Row(model: "resnext29_8x64d", paper: "3.65"), Row(model: "resnext29_16x64d", paper: "3.58"),
      ]
    }
  }

  /// Whether a run trains a classifier of its images.
  private func isOfItsImages(_ run: RunRecord) -> Bool {
    if run.isDetector { return false }
    return switch self {
    case .table6, .resNeXt: run.configuration.data.dataset == .cifar10
    case .table2, .table3, .table4: run.isOfFolder
    }
  }

  /// Whether it is filled with what `eval --json` printed, not with runs.
  package var isOfEvaluations: Bool {
    switch self {
    case .table4: true
    case .table2, .table3, .table6, .resNeXt: false
    }
  }

  /// The table with the evaluations of its networks; of several of a network the one of most views.
  ///
  /// - Returns: networks without an evaluation have empty cells.
  package func filled(with evaluations: [EvaluationRecord]) -> TableText {
    TableText(
      header: ["network", "paper: top-1", "top-5", "ours: top-1", "top-5", "images", "views"],
      rows: rows.map { row in
        let own = evaluations.filter {
          $0.model == row.model && ($0.shortcut ?? "B") == (row.shortcut ?? "B")
        }
        guard let found = own.max(by: { $0.views < $1.views }) else {
          return [row.name, row.paper, row.top5 ?? "", "", "", "", ""]
        }
        return [
          row.name, row.paper, row.top5 ?? "", Self.percent(1 - found.top1),
          Self.percent(1 - found.top5), "\(found.samples)", "\(found.views)",
        ]
      })
  }

  /// The table with the runs that are of its networks and data: a row for all seeds of a configuration.
  ///
  /// - Returns: networks without a run have an empty cell. Where one has several configurations, a column
  ///   says in what they differ.
  package func filled(with runs: [RunRecord]) -> TableText {
    let fitting = runs.filter(isOfItsImages)
    let filled = rows.map { row in
      let own = fitting.filter { run in
        let network = run.configuration.network
        return network.model == row.model
          && (row.shortcut == nil || network.shortcut?.rawValue == row.shortcut)
      }
      return (row: row, runs: RunTable(own))
    }
    let hasSettings = filled.contains { $0.runs.groups.count > 1 }
    return TableText(
      header: ["network"] + (hasSettings ? ["settings"] : [])
        + ["paper", "ours: best (mean ± std)", "runs", "iterations"],
      rows: filled.flatMap { row, runs in
        let groups = runs.groups.isEmpty ? [RunTable.Group(runs: [])] : runs.groups
        return groups.map { group in
          let iterations = Set(group.runs.compactMap { $0.metrics.last?.step }).sorted()
          return [row.name] + (hasSettings ? [Self.settings(of: group, in: runs)] : []) + [
            row.paper, Self.text(group), "\(group.errors.count)",
            iterations.map { "\($0)" }.joined(separator: ", "),
          ]
        }
      })
  }

  /// What the other rows of the network have otherwise; empty of an only one.
  private static func settings(of group: RunTable.Group, in table: RunTable) -> String {
    if group.runs.isEmpty { return "" }
    return zip(table.keys, table.values(of: group)).map { "\($0) \($1 ?? "–")" }
      .joined(separator: ", ")
  }

  private static func text(_ group: RunTable.Group) -> String {
    guard let best = group.errors.min(), let mean = group.mean else { return "" }
    return percent(best)
      + (group.deviation.map { " (\(percent(mean)) ± \(percent($0)))" } ?? "")
  }

  /// With two digits and without the sign, as in the papers.
  private static func percent(_ error: Double) -> String {
    String(NumberFormat.percent(error, decimals: 2).dropLast(2))
  }
}
