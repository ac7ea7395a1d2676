/// A curve in one line of text.

package enum Sparkline {
  private static let blocks = Array("▁▂▃▄▅▆▇█")
  private static let letters = Array("_.-=+*#@")

  /// The means of `values` in at most `width` parts, between the lowest and the highest; empty of less than two.
  package static func text(_ values: [Double], width: Int, unicode: Bool = true) -> String {
    let values = values.filter(\.isFinite)
    let count = min(width, values.count)
    guard count > 1 else { return "" }
    let means = (0..<count).map { part in
      let range = part * values.count / count..<(part + 1) * values.count / count
      return values[range].reduce(0, +) / Double(range.count)
    }
    let (low, high) = (means.min()!, means.max()!)
    let signs = unicode ? blocks : letters
    return String(
      means.map { mean in
        let height = high > low ? (mean - low) / (high - low) : 0
        return signs[min(signs.count - 1, Int(height * Double(signs.count)))]
      })
  }
}
