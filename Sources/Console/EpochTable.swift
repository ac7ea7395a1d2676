/// The table of a run: a header, then one row per epoch, written as the epochs end.

import Tensors

/// Columns are wide enough for the whole run from the first row on.
package struct EpochTable {
  /// The figures of one epoch; errors are fractions.
  package struct Row: Sendable {
    package var epoch: Int
    package var step: Int
    package var learningRate: Double
    /// NaN, which is shown as a dash, where the epoch trained no images.
    package var trainLoss: Double
    package var trainError: Double
    package var testLoss: Double?
    package var testError: Double?
    package var imagesPerSecond: Double
    /// How long the epoch took, or the run so far: the caller decides.
    package var time: Duration

    package init(
      epoch: Int, step: Int, learningRate: Double, trainLoss: Double, trainError: Double,
      testLoss: Double? = nil, testError: Double? = nil, imagesPerSecond: Double, time: Duration
    ) {
      self.epoch = epoch
      self.step = step
      self.learningRate = learningRate
      self.trainLoss = trainLoss
      self.trainError = trainError
      self.testLoss = testLoss
      self.testError = testError
      self.imagesPerSecond = imagesPerSecond
      self.time = time
    }
  }

  private let epochs: Int
  private let widths: [Int]
  /// The title of the evaluations' columns.
  private let evaluation: String

  /// A table for a run of `epochs` epochs and `steps` steps.
  ///
  /// - Parameter evaluation: which images epochs are evaluated on.
  package init(epochs: Int, steps: Int, evaluation: String = "test") {
    self.epochs = epochs
    self.evaluation = evaluation
    widths = [
      max(5, "\(epochs)/\(epochs)".count), max(5, steps.grouped.count), 7, 7, 8, 7, 8, 8, 7,
    ]
  }

  /// The two header lines.
  package var header: [String] {
    let left = widths[0...2].reduce(4, +)
    let pair = widths[3] + widths[4] + 2
    return [
      String(repeating: " ", count: left) + "  " + centered("train", pair) + "  "
        + centered(evaluation, pair),
      line(["epoch", "step", "lr", "loss", "error", "loss", "error", "images/s", "time"]),
    ]
  }

  /// One aligned line.
  package func text(_ row: Row) -> String {
    line([
      "\(row.epoch)/\(epochs)", row.step.grouped, NumberFormat.learningRate(row.learningRate),
      row.trainLoss.isNaN ? "-" : NumberFormat.loss(row.trainLoss),
      row.trainError.isNaN ? "-" : NumberFormat.percent(row.trainError, decimals: 2),
      row.testLoss.map(NumberFormat.loss) ?? "-",
      row.testError.map { NumberFormat.percent($0, decimals: 2) } ?? "-",
      NumberFormat.rate(row.imagesPerSecond), row.time.clockText,
    ])
  }

  /// Writes the header, in bold where the console can.
  package func writeHeader(to console: any Console) {
    for text in header {
      console.writeLine(console.usesColor ? "\u{1B}[1m\(text)\u{1B}[0m" : text)
    }
  }

  /// Writes one row.
  package func write(_ row: Row, to console: any Console) {
    console.writeLine(text(row))
  }

  private func line(_ cells: [String]) -> String {
    var table = TextTable(cells.map { _ in .right }, leastWidths: widths)
    table.add(cells)
    return table.lines[0]
  }

  private func centered(_ title: String, _ width: Int) -> String {
    let before = (width - title.count - 2) / 2
    let after = width - title.count - 2 - before
    return String(repeating: "-", count: before) + " \(title) "
      + String(repeating: "-", count: after)
  }
}
