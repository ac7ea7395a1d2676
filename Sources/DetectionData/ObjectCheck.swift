/// The check of every box when it is loaded.

/// Takes boxes that have an area, clipped to their image, and counts those that have none or leave it.
struct ObjectCheck {
  private let isStrict: Bool
  private var dropped: (count: Int, first: String) = (0, "")
  private var clipped: (count: Int, first: String) = (0, "")

  init(strict: Bool) { isStrict = strict }

  /// Pixels by which rounded annotations leave their image.
  private static let rounding = 1.0

  /// The part of a box that is in its image; nil: it has no area.
  ///
  /// - Parameters:
  ///   - file, object: for messages.
  /// - Throws: `DetectionDataError.badBox` for what is no box, or has nothing in the image.
  mutating func take(
    _ box: Box, width: Int, height: Int, file: String, object: String
  ) throws(DetectionDataError) -> Box? {
    func bad(_ reason: String) -> DetectionDataError {
      .badBox(path: file, object: object, reason: reason)
    }
    let corners = [box.x1, box.y1, box.x2, box.y2]
    guard corners.allSatisfy(\.isFinite) else { throw bad("has a corner that is not a number") }
    if box.width < 0 || box.height < 0 {
      throw bad("ends before it begins (\(box.x1), \(box.y1) to \(box.x2), \(box.y2))")
    }
    if box.width == 0 || box.height == 0 {
      if isStrict { throw bad("has a box without area") }
      if dropped.count == 0 { dropped.first = "\(file), \(object)" }
      dropped.count += 1
      return nil
    }
    let inside = Box(
      x1: max(box.x1, 0), y1: max(box.y1, 0), x2: min(box.x2, Double(width)),
      y2: min(box.y2, Double(height)))
    guard inside.width > 0, inside.height > 0 else {
      throw bad(
        "lies outside of its image of \(width)×\(height) pixels "
          + "(\(box.x1), \(box.y1) to \(box.x2), \(box.y2))")
    }
    let excess = zip(corners, [inside.x1, inside.y1, inside.x2, inside.y2]).map { abs($0 - $1) }
    // What rounding has done stays as it is, so that evaluators agree to the last digit.
    if excess.max()! <= Self.rounding { return box }
    if clipped.count == 0 { clipped.first = "\(file), \(object)" }
    clipped.count += 1
    return inside
  }

  /// A line for each kind of box that was not taken as it is.
  var notes: [String] {
    var notes: [String] = []
    if dropped.count > 0 {
      notes.append(
        "note: \(dropped.count) \(dropped.count == 1 ? "box" : "boxes") without area left out, the first in "
          + "\(dropped.first); --strict refuses them")
    }
    if clipped.count > 0 {
      notes.append(
        "note: \(clipped.count) \(clipped.count == 1 ? "box leaves its" : "boxes leave their") image and "
          + "\(clipped.count == 1 ? "is" : "are") clipped, the first in \(clipped.first)")
    }
    return notes
  }
}
