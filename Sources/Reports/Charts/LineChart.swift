/// A line chart as SVG, for pages in light and dark.

import Foundation

/// Lines over a common axis; colours are the page's CSS variables `--line-1` and so on.
package struct LineChart: Sendable {
  package struct Line: Sendable {
    package var name: String
    package var points: [(x: Double, y: Double)]
    /// Which of the page's colours, from 0 on.
    package var color: Int
    /// Thin for what is many or noisy, as training errors in He et al. 2015, Figures 4 and 6.
    package var isThin: Bool

    package init(
      name: String, points: [(x: Double, y: Double)], color: Int, isThin: Bool = false
    ) {
      self.name = name
      self.points = points
      self.color = color
      self.isThin = isThin
    }
  }

  /// How numbers at the axes are written.
  package typealias Label = @Sendable (Double) -> String

  package var title: String
  package var xTitle: String
  package var lines: [Line]
  package var xLabel: Label
  package var yLabel: Label

  package init(
    title: String, xTitle: String, lines: [Line], xLabel: @escaping Label = LineChart.plain,
    yLabel: @escaping Label = LineChart.plain
  ) {
    self.title = title
    self.xTitle = xTitle
    self.lines = lines
    self.xLabel = xLabel
    self.yLabel = yLabel
  }

  package static let plain: Label = { value in
    abs(value) >= 1e15
      ? "\(value)"
      : value == value.rounded()
        ? Int(value).formatted(.number.locale(Locale(identifier: "en_US")))
        : String(format: "%.4g", value)
  }
  package static let percent: Label = { String(format: "%.4g %%", $0 * 100) }

  /// Points of a line that is drawn; a longer one is averaged over neighbours.
  private static let mostPoints = 500

  private static let size = (width: 720.0, height: 360.0)
  private static let plot = (left: 64.0, right: 692.0, top: 16.0, bottom: 308.0)

  package var svg: String {
    let drawn = lines.map { line in
      var line = line
      line.points = Self.thinned(line.points.filter { $0.x.isFinite && $0.y.isFinite })
      return line
    }
    let x = AxisScale(drawn.flatMap { $0.points.map(\.x) }, fromZero: true, isTight: true)
    let y = AxisScale(Self.shown(drawn, x), fromZero: true)
    var parts = [
      "<svg viewBox=\"0 0 \(Int(Self.size.width)) \(Int(Self.size.height))\" role=\"img\" aria-label=\"\(HTML.escaped(title))\">",
      "<title>\(HTML.escaped(title))</title>",
    ]
    for tick in y.ticks {
      let place = Self.text(Self.vertical(y.position(tick)))
      parts.append(
        "<line class=\"grid\" x1=\"\(Self.text(Self.plot.left))\" x2=\"\(Self.text(Self.plot.right))\" y1=\"\(place)\" y2=\"\(place)\"/>"
          + "<text class=\"tick\" text-anchor=\"end\" x=\"\(Self.text(Self.plot.left - 8))\" y=\"\(place)\" dy=\"0.32em\">\(HTML.escaped(yLabel(tick)))</text>"
      )
    }
    for tick in x.ticks {
      let place = Self.text(Self.horizontal(x.position(tick)))
      parts.append(
        "<line class=\"grid\" x1=\"\(place)\" x2=\"\(place)\" y1=\"\(Self.text(Self.plot.top))\" y2=\"\(Self.text(Self.plot.bottom))\"/>"
          + "<text class=\"tick\" text-anchor=\"middle\" x=\"\(place)\" y=\"\(Self.text(Self.plot.bottom + 20))\">\(HTML.escaped(xLabel(tick)))</text>"
      )
    }
    parts.append(
      "<text class=\"tick\" text-anchor=\"middle\" x=\"\(Self.text((Self.plot.left + Self.plot.right) / 2))\" y=\"\(Self.text(Self.size.height - 8))\">\(HTML.escaped(xTitle))</text>"
    )
    for line in drawn {
      let points = line.points.map {
        Self.text(Self.horizontal(x.position($0.x))) + ","
          + Self.text(Self.vertical(min(max(y.position($0.y), 0), 1)))
      }
      let style =
        "class=\"line\(line.isThin ? " thin" : "")\" style=\"--color: var(--line-\(line.color % 8 + 1))\""
      parts.append(
        points.count == 1
          ? "<circle \(style) cx=\"\(points[0].split(separator: ",")[0])\" cy=\"\(points[0].split(separator: ",")[1])\" r=\"4\"/>"
          : "<polyline \(style) points=\"\(points.joined(separator: " "))\"/>")
    }
    parts.append("</svg>")
    return parts.joined(separator: "\n")
  }

  /// The chart with its title and the names of its lines.
  package var figure: String {
    let names = lines.filter { !$0.name.isEmpty }.map { line in
      "<span class=\"key\(line.isThin ? " thin" : "")\" style=\"--color: var(--line-\(line.color % 8 + 1))\">\(HTML.escaped(line.name))</span>"
    }
    return """
      <figure>
      <figcaption>\(HTML.escaped(title))</figcaption>
      \(svg)
      <div class="keys">\(names.joined(separator: " "))</div>
      </figure>
      """
  }

  private static func horizontal(_ position: Double) -> Double {
    plot.left + position * (plot.right - plot.left)
  }

  private static func vertical(_ position: Double) -> Double {
    plot.bottom - position * (plot.bottom - plot.top)
  }

  private static func text(_ value: Double) -> String { String(format: "%.1f", value) }

  /// The values that the axis makes room for: those after a tenth of the run, since the first ones of a
  /// training are many times larger, or all of a short one.
  private static func shown(_ lines: [Line], _ x: AxisScale) -> [Double] {
    let points = lines.flatMap(\.points)
    let late = points.filter { x.position($0.x) >= 0.1 }
    return (late.count > 20 ? late : points).map(\.y)
  }

  /// At most `mostPoints` points, each the mean of its neighbours.
  private static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    if points.count <= mostPoints { return points }
    let width = (points.count + mostPoints - 1) / mostPoints
    return stride(from: 0, to: points.count, by: width).map { first in
      let part = points[first..<min(first + width, points.count)]
      let count = Double(part.count)
      return (part.reduce(0) { $0 + $1.x } / count, part.reduce(0) { $0 + $1.y } / count)
    }
  }
}
