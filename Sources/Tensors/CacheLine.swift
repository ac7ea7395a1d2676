/// Sizes in whole cache lines, so that neighbours in memory do not share one.

public enum CacheLine {
  /// Bytes of a line.
  public static let bytes = 64

  /// Floats rounded up to whole lines.
  public static func whole(floats count: Int) -> Int { (count + 15) / 16 * 16 }
}
