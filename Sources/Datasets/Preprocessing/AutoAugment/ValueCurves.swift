/// Curves over the values of a channel that follow from its histogram, as in Pillow's `ImageOps`.

enum ValueCurves {
  /// Stretches the values to 0…255 (`autocontrast`); nil: there is one value only.
  static func stretched(_ histogram: [Int]) -> [UInt8]? {
    guard let low = histogram.firstIndex(where: { $0 > 0 }),
      let high = histogram.lastIndex(where: { $0 > 0 }), high > low
    else { return nil }
    let scale = 255 / Double(high - low)
    let offset = -Double(low) * scale
    return (0...255).map { UInt8(min(max(Double($0) * scale + offset, 0), 255)) }
  }

  /// Makes all values about as frequent (`equalize`); nil: there are too few of them.
  static func equalized(_ histogram: [Int]) -> [UInt8]? {
    let present = histogram.filter { $0 > 0 }
    guard present.count > 1, let last = present.last else { return nil }
    let step = (present.reduce(0, +) - last) / 255
    guard step > 0 else { return nil }
    var sum = step / 2
    return histogram.map { count in
      defer { sum += count }
      return UInt8(min(sum / step, 255))
    }
  }
}
