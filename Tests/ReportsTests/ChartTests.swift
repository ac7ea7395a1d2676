/// Axes and line charts.

import Foundation
import FoundationXML
import Reports
import Testing

@Suite struct ChartTests {
  @Test("ticks are round and have all values between them")
  func ticks() {
    #expect(
      AxisScale([0.07, 0.93], fromZero: true).ticks == [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1])
    #expect(AxisScale([0, 64_000]).ticks == [0, 20_000, 40_000, 60_000, 80_000])
    let tight = AxisScale([0, 64_000], fromZero: true, isTight: true)
    #expect(tight.range == 0...64_000 && tight.ticks == [0, 20_000, 40_000, 60_000])
    for values in [
      [3.0], [0], [-2, 5], [1e-7, 3e-7], [.nan, 4, .infinity, 9], [], [-1e299, 1e299], [0, 5e-324],
      [-1e308, 3, 1e308],
    ] {
      let scale = AxisScale(values)
      let finite = values.filter { abs($0) < 1e300 }
      #expect(scale.ticks.count >= 2 && scale.ticks.count <= 12, "\(values): \(scale.ticks)")
      #expect(finite.allSatisfy { scale.range.contains($0) }, "\(values): \(scale.range)")
      #expect(finite.allSatisfy { (0...1).contains(scale.position($0)) })
    }
  }

  @Test("a chart is well-formed XML whose lines end where the axes say")
  func svg() throws {
    let chart = LineChart(
      title: "a < b & \"c\"", xTitle: "it's",
      lines: [
        .init(name: "<one>", points: [(0, 0), (10, 1)], color: 0),
        .init(name: "point", points: [(5, 0.5)], color: 9, isThin: true),
        .init(name: "none", points: [(.nan, 1)], color: 2),
      ])
    let svg = try XMLDocument(xmlString: chart.svg)
    let lines = try svg.nodes(forXPath: "//polyline/@points").compactMap(\.stringValue)
    #expect(lines.contains("64.0,308.0 692.0,16.0"), "\(lines)")
    #expect(try svg.nodes(forXPath: "//circle").count == 1)
    #expect(try svg.nodes(forXPath: "//title").first?.stringValue == "a < b & \"c\"")
    #expect(try XMLDocument(xmlString: chart.figure).nodes(forXPath: "//span").count == 3)
  }

  @Test("a long line keeps its mean and few points")
  func thinned() throws {
    let points = (0..<20_000).map { (x: Double($0), y: Double($0 % 2)) }
    let chart = LineChart(
      title: "t", xTitle: "x", lines: [.init(name: "n", points: points, color: 0)])
    let line = try #require(
      try XMLDocument(xmlString: chart.svg).nodes(forXPath: "//polyline/@points").first?.stringValue
    )
    let heights = line.split(separator: " ").map { Double($0.split(separator: ",")[1])! }
    #expect(heights.count == 500 && Set(heights).count == 1)
  }
}
