/// Boxes and labels in pictures: pixels at known places.

import Datasets
import Tensors
import Testing

@Suite struct BoxDrawingTests {
  /// A picture of one grey, drawn into.
  private struct Picture {
    let shape: ImageShape
    let pixels: [UInt8]
    static let background: [UInt8] = [100, 100, 100]

    init(height: Int, width: Int, _ boxes: [LabelledBox]) {
      var image = ImageBuffer()
      image.reshape(ImageShape(height: height, width: width, channels: 3))
      image.pixels.update(repeating: 100)
      BoxDrawing.draw(boxes, into: &image)
      shape = image.shape
      pixels = Array(image.pixels.elements)
    }

    subscript(_ row: Int, _ column: Int) -> [UInt8] {
      let first = (row * shape.width + column) * 3
      return Array(pixels[first..<first + 3])
    }

    /// Rows of text: '.' the background, 'a' the first other colour from the top, 'b' the next …
    func text(_ rows: Range<Int>, _ columns: Range<Int>) -> [String] {
      var colors = [Self.background]
      return rows.map { row in
        String(
          columns.map { column -> Character in
            let color = self[row, column]
            if !colors.contains(color) { colors.append(color) }
            return Array(".abcdef")[colors.firstIndex(of: color)!]
          })
      }
    }
  }

  private func box(
    _ x1: Float, _ y1: Float, _ x2: Float, _ y2: Float, of index: Int = 0, _ name: String = "",
    score: Double? = nil
  ) -> LabelledBox {
    LabelledBox(
      x1: x1, y1: y1, x2: x2, y2: y2, classIndex: index, name: name, score: score)
  }

  @Test("a frame lies along the inside of its box, rounded to pixels, and nothing else changes")
  func frame() {
    let picture = Picture(height: 8, width: 10, [box(1.6, 1.4, 7.4, 6.5)])
    #expect(
      picture.text(0..<8, 0..<10) == [
        "..........",
        "..aaaaa...",
        "..a...a...",
        "..a...a...",
        "..a...a...",
        "..a...a...",
        "..aaaaa...",
        "..........",
      ])
  }

  @Test("frames are clipped to the image; what is outside, or no number, is not drawn")
  func clipping() {
    let picture = Picture(height: 5, width: 6, [box(-20, -1e9, 3, 1e9)])
    #expect(picture.text(0..<5, 0..<6) == ["aaa...", "a.a...", "a.a...", "a.a...", "aaa..."])
    let outside = [
      box(6, 0, 9, 4, "x"), box(-9, 0, -1, 4, "x"), box(0, 7, 4, 9, "x"), box(.nan, 0, 3, 3, "x"),
      box(0, 0, .infinity, 3, "x"), box(4, 0, 2, 3, "x"),
    ]
    #expect(
      Picture(height: 5, width: 6, outside).pixels.allSatisfy { $0 == Picture.background[0] })
    // A box thinner than a pixel is a pixel wide.
    #expect(
      Picture(height: 5, width: 6, [box(3.2, 1, 3.3, 4)]).text(0..<5, 0..<6)
        == ["......", "...a..", "...a..", "...a..", "......"])
    #expect(Picture(height: 0, width: 0, outside).pixels.isEmpty)
  }

  @Test("a label stands in a filled tag above its box: one letter, pixel by pixel")
  func label() {
    let picture = Picture(height: 40, width: 40, [box(5, 20, 30, 30, "g")])
    #expect(
      picture.text(8..<22, 4..<14) == [
        "..........",
        ".aaaaaaa..",
        ".aaaaaaa..",
        ".aaaaaaa..",
        ".aabbaba..",
        ".abaabba..",
        ".abaaaba..",
        ".abaaaba..",
        ".aabbbba..",
        ".aaaaaba..",
        ".aabbbaa..",
        ".aaaaaaa..",
        ".aaaaaaaaa",
        ".a........",
      ])
  }

  @Test("without room above, the tag is inside the box, and at the right border moved to the left")
  func borders() {
    let top = Picture(height: 40, width: 40, [box(5, 3, 30, 30, "i")])
    #expect(top[2, 6] == Picture.background && top[13, 6] == top[3, 5] && top[3, 5] == top[20, 5])
    let right = Picture(height: 40, width: 40, [box(38, 20, 40, 30, "i")])
    #expect(right[12, 32] == Picture.background && right[12, 33] == right[22, 38])
    // A label longer than the image is wide begins at its left border.
    let long = Picture(height: 40, width: 40, [box(38, 20, 40, 30, "a long label of a class")])
    #expect((0..<40).allSatisfy { long[9, $0] == long[22, 38] })
  }

  @Test("lines and letters grow with the image", arguments: [(100, 1), (480, 2), (1080, 5)])
  func scale(side: Int, width: Int) {
    let picture = Picture(height: side, width: side + 9, [box(20, 60, 90, 95, "i")])
    let line = (0..<30).filter { picture[80, 20 + $0] != Picture.background }
    #expect(line == Array(0..<width))
    // The tag above is as high as eleven pixels of letters.
    let tag = (0..<60).filter { picture[$0, 20] != Picture.background }
    #expect(tag == Array(60 - 11 * width..<60))
  }

  @Test("equal classes have one colour, twenty classes twenty; letters are black or white")
  func colors() {
    let picture = Picture(
      height: 200, width: 200,
      (0..<20).map { index in
        let (x, y) = (Float(index % 5) * 40, Float(index / 5) * 50 + 14)
        return box(x, y, x + 30, y + 30, of: index, "M")
      } + [box(190, 190, 199, 199, of: 20)])
    let colors = (0..<20).map { picture[$0 / 5 * 50 + 30, $0 % 5 * 40] }
    #expect(Set(colors).count == 20 && picture[195, 190] == colors[0])
    for (index, color) in colors.enumerated() {
      let ink = picture[index / 5 * 50 + 4, index % 5 * 40 + 1]
      #expect(ink == [0, 0, 0] || ink == [255, 255, 255])
      let contrast = zip(ink, color).map { abs(Int($0) - Int($1)) }.max()!
      #expect(contrast > 100, "class \(index)")
    }
  }

  @Test("the first box is on top")
  func order() {
    let boxes = [box(2, 2, 12, 12, of: 3), box(2, 2, 12, 12, of: 5)]
    #expect(
      Picture(height: 20, width: 20, boxes).pixels
        == Picture(height: 20, width: 20, [boxes[0]]).pixels)
  }

  @Test(
    "a score is written with two digits",
    arguments: [
      (0.97, "cat 0.97"), (1, "cat 1.00"), (0.005, "cat 0.01"), (0.999, "cat 1.00"),
      (0.0501, "cat 0.05"), (-1, "cat 0.00"), (nil, "cat"),
    ] as [(Double?, String)])
  func score(score: Double?, label: String) {
    #expect(box(0, 0, 1, 1, "cat", score: score).label == label)
  }

  @Test("a character that is not ASCII is drawn as a question mark")
  func otherCharacters() {
    func picture(_ name: String) -> [UInt8] {
      Picture(height: 40, width: 60, [box(5, 20, 50, 30, name)]).pixels
    }
    #expect(picture("zèbre") == picture("z?bre") && picture("z?bre") != picture("zebre"))
  }
}
