/// The text of one progress line, cut to the width there is.

/// What is known about a pass at one moment.
struct ProgressLine {
  var label: String
  var completed: Int
  var total: Int
  /// Nil or NaN: there are no images yet that it is the mean of.
  var loss: Double?
  var error: Double?
  var imagesPerSecond: Double?
  var left: Duration?
  /// Until all passes are done; nil: this is the last one, or nobody knows.
  var allLeft: Duration?

  private static let separator = "  "
  private static let widestBar = 24
  private static let narrowestBar = 5
  private static let countRank = 1

  /// Without a bar, for a log file.
  var plain: String {
    fields.map(\.text).joined(separator: ProgressLine.separator)
  }

  /// With a bar, never more than `width` columns: first the bar shrinks, then the count gives way
  /// to it, then the bar and the least needed figures go, and at last the text is cut.
  func fitted(to width: Int, color: Bool = false, unicode: Bool = true) -> String {
    var shown = fields
    let length = { (fields: [Field]) in
      fields.reduce(0) { $0 + $1.text.count } + 2 * max(0, fields.count - 1)
    }
    if length(shown) + ProgressLine.narrowestBar + 2 > width {
      shown.removeAll { $0.rank == ProgressLine.countRank }
    }
    while shown.count > 1, length(shown) > width {
      let least = shown.indices.min { shown[$0].rank < shown[$1].rank }!
      shown.remove(at: least)
    }
    var texts = shown.map(\.text)
    let room = min(width - length(shown) - 2, ProgressLine.widestBar)
    if room >= ProgressLine.narrowestBar {
      let bar = bar(columns: room, unicode: unicode)
      texts.insert(color ? "\u{1B}[36m\(bar)\u{1B}[0m" : bar, at: 1)
      return texts.joined(separator: ProgressLine.separator)
    }
    return String(texts.joined(separator: ProgressLine.separator).prefix(max(0, width)))
  }

  private struct Field {
    var text: String
    /// The lowest goes first when there is no room.
    var rank: Int
  }

  private var fraction: Double {
    total > 0 ? min(1, max(0, Double(completed) / Double(total))) : 0
  }

  private var fields: [Field] {
    let percent = "\(Int(fraction * 100)) %"
    let padding = String(repeating: " ", count: max(0, 5 - percent.count))
    var fields = [
      Field(text: label, rank: 7),
      Field(text: padding + percent, rank: 6),
      Field(text: "\(completed)/\(total)", rank: ProgressLine.countRank),
    ]
    if let loss, !loss.isNaN {
      fields.append(Field(text: "loss \(NumberFormat.loss(loss))", rank: 3))
    }
    if let error, !error.isNaN {
      fields.append(Field(text: "error \(NumberFormat.percent(error))", rank: 4))
    }
    if let imagesPerSecond {
      fields.append(Field(text: "\(NumberFormat.rate(imagesPerSecond)) images/s", rank: 2))
    }
    if let left { fields.append(Field(text: "\(left.clockText) left", rank: 5)) }
    if let allLeft { fields.append(Field(text: "\(allLeft.clockText) in all", rank: 0)) }
    return fields
  }

  private func bar(columns: Int, unicode: Bool) -> String {
    if !unicode {
      let full = Int(fraction * Double(columns - 2))
      return "[" + String(repeating: "#", count: full)
        + String(repeating: ".", count: columns - 2 - full) + "]"
    }
    let eighths = Int(fraction * Double(columns) * 8)
    let full = String(repeating: "█", count: eighths / 8)
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
    let bar = full + part
    return bar + String(repeating: " ", count: columns - bar.count)
  }
}
