/// Boxes with labels in a picture.

import Tensors

/// Draws frames, each with a filled tag that says what it holds.
///
/// A line and a letter's pixel are 1/240 of the image's shorter side wide, at least a pixel. What lies outside of
/// the image is not drawn, and a box with a corner that is not finite neither. The first box is on top.
public enum BoxDrawing {
  public static func draw(_ boxes: [LabelledBox], into image: inout ImageBuffer) {
    let canvas = Canvas(image)
    let frames = boxes.compactMap { box in
      [box.x1, box.y1, box.x2, box.y2].allSatisfy(\.isFinite)
        ? (box, canvas.pixels(of: box)) : nil
    }
    // All tags are above all frames, so that none is crossed out.
    for (box, frame) in frames.reversed() where !frame.isEmpty {
      canvas.outline(frame, BoxColor.ofClass(box.classIndex))
    }
    for (box, frame) in frames.reversed() where !frame.isEmpty && !box.label.isEmpty {
      canvas.tag(box.label, at: frame, BoxColor.ofClass(box.classIndex))
    }
  }
}

/// Whole pixels of an image.
private struct PixelRectangle {
  var rows: Range<Int>
  var columns: Range<Int>

  var isEmpty: Bool { rows.isEmpty || columns.isEmpty }
}

/// An image to draw into.
private struct Canvas {
  let shape: ImageShape
  let values: MutableVectorView<UInt8>
  /// Pixels that a line is wide, and a pixel of a letter.
  let unit: Int

  init(_ image: borrowing ImageBuffer) {
    shape = image.shape
    values = image.pixels
    unit = max((min(shape.height, shape.width) + 120) / 240, 1)
  }

  /// The pixels that a box covers within the image, at least one along each axis if its corners are in order.
  func pixels(of box: LabelledBox) -> PixelRectangle {
    func range(_ low: Float, _ high: Float, _ size: Int) -> Range<Int> {
      if low > high || high < 0 || low >= Float(size) { return 0..<0 }
      func pixel(_ position: Float) -> Int { Int(min(max(position, 0), Float(size)).rounded()) }
      let first = min(pixel(low), size - 1)
      return first..<max(pixel(high), first + 1)
    }
    return PixelRectangle(
      rows: range(box.y1, box.y2, shape.height), columns: range(box.x1, box.x2, shape.width))
  }

  /// Lines along the inside of a rectangle.
  func outline(_ frame: PixelRectangle, _ color: BoxColor) {
    let (rows, columns) = (frame.rows, frame.columns)
    let (height, width) = (min(unit, rows.count), min(unit, columns.count))
    fill(rows.prefix(height), columns, color)
    fill(rows.suffix(height), columns, color)
    fill(rows, columns.prefix(width), color)
    fill(rows, columns.suffix(width), color)
  }

  /// A label above the upper left corner of a frame; below its upper line where there is no room above.
  func tag(_ label: String, at frame: PixelRectangle, _ color: BoxColor) {
    let advance = (GlyphTable.width + 1) * unit
    let (height, width) = ((GlyphTable.height + 2) * unit, label.count * advance + unit)
    let above = frame.rows.lowerBound - height
    let top = above >= 0 ? above : frame.rows.lowerBound
    let left = max(min(frame.columns.lowerBound, shape.width - width), 0)
    fill(top..<top + height, left..<left + width, color)
    for (position, character) in label.enumerated() {
      let start = left + unit + position * advance
      if start >= shape.width { break }
      for row in 0..<GlyphTable.height {
        for column in 0..<GlyphTable.width
        where GlyphTable.isSet(character, row: row, column: column) {
          let (y, x) = (top + (row + 1) * unit, start + column * unit)
          fill(y..<y + unit, x..<x + unit, color.ink)
        }
      }
    }
  }

  /// Sets the pixels that are within the image.
  private func fill(_ rows: Range<Int>, _ columns: Range<Int>, _ color: BoxColor) {
    let columns = columns.clamped(to: 0..<shape.width)
    for row in rows.clamped(to: 0..<shape.height) {
      for column in columns {
        let first = (row * shape.width + column) * 3
        values[first] = color.red
        values[first + 1] = color.green
        values[first + 2] = color.blue
      }
    }
  }
}
