/// `report.html` of a run or of several: curves, mistakes, results and settings.

import Console
import Foundation
import Settings

/// A page about runs.
package struct RunPage: Sendable {
  private let runs: [RunRecord]

  package init(_ runs: [RunRecord]) { self.runs = runs }

  package var html: String {
    let title =
      runs.count == 1
      ? Self.title(runs[0])
      : "\(runs.count) runs"
    var body = ["<h1>\(HTML.escaped(title))</h1>"]
    if runs.count == 1 {
      body.append("<p class=\"lead\">\(HTML.escaped(Self.lead(runs[0])))</p>")
      body.append(Self.cards(runs[0]))
    } else {
      body += RunTable.all(of: runs).map { HTML.table($0.header, $0.rows) }
    }
    // The curves of a training in steps are those of its steps.
    let whole = runs.filter(\.steps.isEmpty)
    if whole.count == 1, runs.count > 1 {
      body.append("<h2>\(HTML.escaped(whole[0].name))</h2>")
    }
    body += Self.curves(whole)
    for run in runs {
      for step in run.steps {
        let name = runs.count == 1 ? "Step" : "\(run.name), step"
        body.append(
          "<h2>\(HTML.escaped("\(name) \(step.step.rawValue): \(step.step.summary)"))</h2>")
        body += Self.curves([step.run])
      }
    }
    if runs.count == 1, let mistakes = runs[0].mistakes { body.append(mistakes.section) }
    for run in runs {
      body.append(
        "<h2>\(HTML.escaped(runs.count == 1 ? "Settings that are not the defaults" : run.name))</h2>"
      )
      body.append(HTML.list(run.changes.map { ($0.key, $0.value) }))
      if let result = run.result {
        body.append("<h2>\(runs.count == 1 ? "Result" : "Its result")</h2>")
        body.append(HTML.list(Self.digests(result)))
      }
    }
    return HTML.page(title: title, body: body.joined(separator: "\n"))
  }

  private static func title(_ run: RunRecord) -> String {
    let model = run.configuration.network.model
    if run.isDetector { return run.result?.model ?? "Faster R-CNN on \(model)" }
    return "\(model) on \(run.dataName)"
  }

  private static func lead(_ run: RunRecord) -> String {
    let state = run.result == nil ? "not finished" : "finished"
    let recipe = run.configuration.run.recipe.map { "recipe \($0.rawValue), \($0.source), " } ?? ""
    return "\(recipe)\(run.name), \(state)"
  }

  private static func digests(_ result: RunRecord.Result) -> [(name: String, value: String)] {
    var rows = [(name: "parameters sha256", value: result.sha256)]
    if let average = result.averageSHA256 { rows.append(("average sha256", average)) }
    return rows
  }

  private static func cards(_ run: RunRecord) -> String {
    var cards: [(String, String)] = []
    func add(_ name: String, _ error: Double?) {
      if let error { cards.append((name, NumberFormat.percent(error, decimals: 2))) }
    }
    add("AP", run.result?.averagePrecision)
    add("AP50", run.result?.averagePrecision50)
    add("recall of proposals", run.result?.recall50)
    add("test error", run.testError)
    add("validation error", run.result?.validationError)
    add("lowest \(run.evaluationSplit) error", run.bestError)
    add("training error", run.metrics(of: "train").last?.top1Error)
    if let rate = run.imagesPerSecond {
      cards.append(("images a second", NumberFormat.rate(rate)))
    }
    if let seconds = run.result?.seconds ?? run.metrics.last?.seconds {
      cards.append(("of training", Duration.clockText(seconds: seconds)))
    }
    return "<div class=\"cards\">"
      + cards.map {
        "<div class=\"card\"><b>\(HTML.escaped($0.1))</b><span>\(HTML.escaped($0.0))</span></div>"
      }.joined() + "</div>"
  }

  /// The charts of some runs, and of a single detector its precision against recall.
  private static func curves(_ runs: [RunRecord]) -> [String] {
    let charts = charts(of: runs).map(\.figure)
    let figures = charts.isEmpty ? [] : ["<div class=\"charts\">"] + charts + ["</div>"]
    guard runs.count == 1, let curves = runs[0].precisionRecall else { return figures }
    return figures + [curves.chart(most: 8).figure]
  }

  /// The curves: errors as in He et al. 2015, Figures 4 and 6, thin in training and bold in tests.
  private static func charts(of runs: [RunRecord]) -> [LineChart] {
    func chart(
      _ title: String, _ label: @escaping LineChart.Label,
      _ value: KeyPath<RunRecord.Metric, Double?>, trained: Bool, tested: Bool = false
    ) -> LineChart {
      self.chart(title, of: runs, label, value, trained: trained, tested: tested)
    }
    let error = chart("Error", LineChart.percent, \.top1Error, trained: true, tested: true)
    let precision = chart(
      "Average precision", LineChart.percent, \.averagePrecision, trained: false, tested: true)
    let precision50 = chart(
      "Average precision at an overlap of 0.5", LineChart.percent, \.averagePrecision50,
      trained: false, tested: true)
    let recall50 = chart(
      "Recall of proposals at an overlap of 0.5", LineChart.percent, \.recall50, trained: false,
      tested: true)
    let recall = chart(
      "Recall of proposals at overlaps of 0.5 to 0.95, mean", LineChart.percent, \.averageRecall,
      trained: false, tested: true)
    let sums: [(title: String, value: KeyPath<RunRecord.Metric, Double?>)] = [
      ("Loss of proposals: objectness", \.objectness), ("Loss of proposals: boxes", \.proposalBox),
      ("Loss of regions: classes", \.classification), ("Loss of regions: boxes", \.regionBox),
    ]
    let parts = sums.map { chart($0.title, LineChart.plain, $0.value, trained: true) }
    let loss = chart("Loss", LineChart.plain, \.loss, trained: true, tested: true)
    let rate = chart("Learning rate", LineChart.plain, \.learningRate, trained: true)
    let speed = chart(
      "Training images a second", LineChart.plain, \.imagesPerSecond, trained: true)
    return ([error, precision, precision50, recall50, recall, loss] + parts + [rate, speed])
      .filter { $0.lines.contains { !$0.points.isEmpty } }
  }

  private static func chart(
    _ title: String, of runs: [RunRecord], _ label: @escaping LineChart.Label,
    _ value: KeyPath<RunRecord.Metric, Double?>, trained: Bool, tested: Bool = false
  ) -> LineChart {
    func points(_ metrics: [RunRecord.Metric]) -> [(x: Double, y: Double)] {
      metrics.compactMap { metric in metric[keyPath: value].map { (Double(metric.step), $0) } }
    }
    var lines: [LineChart.Line] = []
    for (index, run) in runs.enumerated() {
      // One run has two colours, several have one each.
      let color = runs.count == 1 ? 0 : index
      if trained {
        lines.append(
          LineChart.Line(
            name: runs.count == 1 ? (tested ? "training" : "") : (tested ? "" : run.name),
            points: points(run.metrics(of: "train")), color: color, isThin: tested))
      }
      if tested {
        lines.append(
          LineChart.Line(
            name: runs.count == 1 ? run.evaluationSplit : run.name,
            points: points(run.metrics(of: run.evaluationSplit)),
            color: runs.count == 1 ? 1 : color))
      }
    }
    let title = title + (tested && runs.count > 1 ? " (thin in training, bold in tests)" : "")
    return LineChart(title: title, xTitle: "iteration", lines: lines, yLabel: label)
  }
}
