/// How a source is called in messages.

extension DatasetSplit {
  /// `60,000 training images`.
  func describe(count: Int) -> String {
    let kind = self == .train ? "training" : "test"
    return "\(grouped(count)) \(kind) image\(count == 1 ? "" : "s")"
  }
}

/// A number with a comma before every third digit: `60,000`.
func grouped(_ number: Int) -> String {
  let digits = Array(String(number))
  var text = ""
  for (position, digit) in digits.enumerated() {
    if position > 0, (digits.count - position).isMultiple(of: 3) { text += "," }
    text.append(digit)
  }
  return text
}
