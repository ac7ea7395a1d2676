/// How strongly the layers of a network respond: He et al. 2015, §4.2 and Figure 7.

import Console
import Reports
import System

/// The standard deviations of a network's layers: of the output of each 3×3 convolution, after BN and
/// before the nonlinearity.
package struct LayerResponses: Equatable, Sendable {
  package struct Layer: Equatable, Sendable {
    /// The BN layer.
    package let name: String
    /// NaN where an output is not a finite number.
    package let deviation: Double
  }

  package let model: String
  /// In execution order.
  package let layers: [Layer]
  /// Images that they are taken over.
  package let images: Int

  /// `{"model","images","layers":[{"name","std"}]}`.
  package var json: String {
    JSON.object([
      "model": .string(model), "images": .integer(images),
      "layers": .array(
        layers.map { .object(["name": .string($0.name), "std": .number($0.deviation)]) }),
    ]).description
  }
}

extension [LayerResponses] {
  /// A table with a column for each network.
  package var table: TableText {
    let count = map(\.layers.count).max() ?? 0
    return TableText(
      header: ["layer"] + flatMap { [$0.model, "std"] },
      rows: (0..<count).map { index in
        ["\(index + 1)"]
          + flatMap { network -> [String] in
            guard index < network.layers.count else { return ["", ""] }
            let layer = network.layers[index]
            return [layer.name, NumberFormat.decimal(layer.deviation, decimals: 4)]
          }
      })
  }

  /// Figure 7: the layers in their order above, ranked by their responses below.
  package var page: String {
    let charts = [
      ("Standard deviation of each 3×3 layer's output, in the layers' order", false),
      ("The same, ranked from the largest", true),
    ].map { title, isRanked in
      LineChart(
        title: title, xTitle: "layer",
        lines: enumerated().map { index, network in
          let values = network.layers.map(\.deviation)
          let ranked = values.filter(\.isFinite).sorted(by: >)
          return LineChart.Line(
            name: network.model,
            points: (isRanked ? ranked : values).enumerated().map {
              (Double($0 + 1), $1)
            }, color: index)
        }
      ).figure
    }
    let title = "Layer responses"
    return HTML.page(
      title: title,
      body: "<h1>\(title)</h1>\n<p class=\"lead\">"
        + HTML.escaped(
          "as Figure 7 of He et al. 2015: after BN, before the nonlinearity and the addition, over "
            + "\(map(\.images).max() ?? 0) test images")
        + "</p>\n" + charts.joined(separator: "\n"))
  }
}
