/// A box to be drawn into a picture.

/// Corners in pixels of the image, what is written beside it, and whose colour it has.
public struct LabelledBox: Hashable, Sendable {
  public var x1: Float
  public var y1: Float
  public var x2: Float
  public var y2: Float
  public var label: String
  /// The class, counted from 0; equal ones have one colour.
  public var classIndex: Int

  /// - Parameter score: from 0 to 1, written after the class's name with two digits; nil for an object that is
  ///   given and not found.
  public init(
    x1: Float, y1: Float, x2: Float, y2: Float, classIndex: Int, name: String, score: Double? = nil
  ) {
    precondition(classIndex >= 0, "classes are counted from 0")
    (self.x1, self.y1, self.x2, self.y2) = (x1, y1, x2, y2)
    self.classIndex = classIndex
    guard let score, score.isFinite else {
      label = name
      return
    }
    let hundredths = Int((min(max(score, 0), 1) * 100).rounded())
    label = "\(name) \(hundredths / 100).\(hundredths / 10 % 10)\(hundredths % 10)"
  }
}
