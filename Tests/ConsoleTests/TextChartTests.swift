/// The chart of letters.

import Console
import Testing

@Suite struct TextChartTests {
  @Test("a falling line goes from the top left to the bottom right")
  func line() {
    let chart = TextChart(
      [.init(name: "error", sign: "#", points: [(0, 1), (10, 0)])], label: { "\($0)" })
    let lines = chart.lines(width: 27)
    #expect(lines.count == 12)
    #expect(lines[0] == "1.0 | #" && lines[9] == "0.0 |                    #")
    #expect(lines[11] == "      # error")
    for line in lines { #expect(line.count <= 27) }
  }

  @Test("where there is no line there is no chart")
  func nothing() {
    #expect(TextChart([], label: { "\($0)" }).lines(width: 80).isEmpty)
    let point = TextChart.Curve(name: "a", sign: ".", points: [(5, 0.5), (.nan, 1)])
    #expect(TextChart([point], label: { "\($0)" }).lines(width: 80).isEmpty)
  }
}
