/// Sizes in whole cache lines, so that neighbours in memory do not share one.

public enum CacheLine {
  /// Bytes of a line.
  public static let bytes = 64

  /// Bytes rounded up to whole lines.
  public static func whole(bytes count: Int) -> Int { (count + bytes - 1) / bytes * bytes }

  /// Floats rounded up to whole lines.
  public static func whole(floats count: Int) -> Int {
    whole(bytes: count * MemoryLayout<Float>.stride) / MemoryLayout<Float>.stride
  }
}
