/// Columns of text.

import Console
import Testing

@Suite struct TextTableTests {
  @Test("columns are aligned on their side, and further lines of a cell continue below it")
  func alignment() {
    var table = TextTable([.left, .right, .left])
    table.add(["layer", "time", "what"])
    table.add(["conv1", "12.5 ms", "3×3\nWinograd"])
    table.add(["fc", "", ""])
    #expect(
      table.lines == [
        "layer     time  what", "conv1  12.5 ms  3×3", "                Winograd", "fc",
      ])
  }

  @Test("a column has its least width, however short its cells are")
  func leastWidth() {
    var table = TextTable([.right, .right], leastWidths: [4, 0])
    table.add(["1", "2"])
    #expect(table.lines == ["   1  2"])
  }
}
