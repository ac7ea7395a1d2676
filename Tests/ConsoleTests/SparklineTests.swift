/// Curves in a line.

import Console
import Testing

@Suite struct SparklineTests {
  @Test("the lowest value has the lowest sign and the highest the highest, as wide as asked")
  func extremes() {
    #expect(Sparkline.text([0, 1, 2, 3, 4, 5, 6, 7], width: 8) == "▁▂▃▄▅▆▇█")
    #expect(Sparkline.text([7, 0], width: 80) == "█▁")
    #expect(Sparkline.text([7, 0], width: 80, unicode: false) == "@_")
    #expect(Sparkline.text((0..<1000).map(Double.init), width: 10).count == 10)
  }

  @Test("many values become the means of parts")
  func means() {
    // Means 1, 1 and 4: lowest, lowest, highest.
    #expect(Sparkline.text([0, 2, 1, 1, 4, 4], width: 3) == "▁▁█")
  }

  @Test("equal values, and what is no number, draw a flat line or nothing")
  func degenerate() {
    #expect(Sparkline.text([3, 3, 3], width: 5) == "▁▁▁")
    #expect(Sparkline.text([1, .nan, 2, .infinity], width: 5) == "▁█")
    #expect(Sparkline.text([1], width: 5).isEmpty && Sparkline.text([1, 2], width: 0).isEmpty)
  }
}
