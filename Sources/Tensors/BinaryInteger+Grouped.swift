/// Big numbers with a comma every three digits: `269,722`.

extension BinaryInteger {
  /// The decimal digits in groups of three.
  public var grouped: String {
    var digits = String(magnitude)
    var end = digits.endIndex
    while let comma = digits.index(end, offsetBy: -3, limitedBy: digits.startIndex),
      comma > digits.startIndex
    {
      digits.insert(",", at: comma)
      end = comma
    }
    return self < 0 ? "-" + digits : digits
  }
}
