/// What detections of a data set are worth, in words and in files.

import Console
import DetectionData
import DetectionMetrics
import Foundation
import Reports
import System
import Tensors

/// COCO's figures, and VOC's of VOC data.
package struct DetectionScores: Sendable {
  package let coco: COCOEvaluation
  /// Of VOC data.
  package let voc: VOCEvaluation?
  /// Why there is nothing to see; nil: there is.
  private let note: String?

  package init(_ dataset: DetectionDataset, _ detections: [Detection]) {
    coco = COCOEvaluation(dataset, detections)
    voc = dataset.form == .voc ? VOCEvaluation(dataset, detections) : nil
    note =
      detections.isEmpty
      ? "note: there is no detection: a network that has just begun to learn finds nothing above the "
        + "least score, and files of other images have none of these" : nil
  }

  /// The figures that logs have.
  var figures: [MetricsRecord.Figure] {
    var figures = coco.summary.map { MetricsRecord.Figure($0.name, $0.value) }
    if let voc {
      figures.append(.init("AP_11_points", voc.meanElevenPoints))
      figures.append(.init("AP_area", voc.meanArea))
    }
    return figures
  }

  /// `{"AP",…}`: COCO's twelve numbers.
  package var json: String {
    JSON.members(coco.summary.map { ($0.name, JSON.number($0.value)) }).description
  }

  /// `{"AP_11_points","AP_area","overlap","classes"}`: VOC's; nil of other data.
  package var vocJSON: String? {
    guard let voc else { return nil }
    let classes = zip(voc.classes, voc.results).compactMap { name, result in
      result.map { result in
        (
          name: name,
          value: JSON.object([
            "AP_11_points": .number(result.elevenPoints), "AP_area": .number(result.area),
          ])
        )
      }
    }
    return JSON.object([
      "AP_11_points": .number(voc.meanElevenPoints), "AP_area": .number(voc.meanArea),
      "overlap": .number(voc.overlap), "classes": .members(classes),
    ]).description
  }

  private static let wording: [(metric: String, overlap: String, size: String, limit: Int)] = [
    ("Average Precision  (AP)", "0.50:0.95", "   all", 100),
    ("Average Precision  (AP)", "0.50     ", "   all", 100),
    ("Average Precision  (AP)", "0.75     ", "   all", 100),
    ("Average Precision  (AP)", "0.50:0.95", " small", 100),
    ("Average Precision  (AP)", "0.50:0.95", "medium", 100),
    ("Average Precision  (AP)", "0.50:0.95", " large", 100),
    ("Average Recall     (AR)", "0.50:0.95", "   all", 1),
    ("Average Recall     (AR)", "0.50:0.95", "   all", 10),
    ("Average Recall     (AR)", "0.50:0.95", "   all", 100),
    ("Average Recall     (AR)", "0.50:0.95", " small", 100),
    ("Average Recall     (AR)", "0.50:0.95", "medium", 100),
    ("Average Recall     (AR)", "0.50:0.95", " large", 100),
  ]

  /// pycocotools' twelve lines.
  private var cocoLines: [String] {
    zip(Self.wording, coco.summary).map { words, figure in
      let limit = String(repeating: " ", count: 3 - "\(words.limit)".count) + "\(words.limit)"
      return " \(words.metric) @[ IoU=\(words.overlap) | area=\(words.size) | maxDets=\(limit) ] = "
        + String(format: "%.3f", figure.value)
    }
  }

  /// All figures, and a table of the classes.
  package func text(_ dataset: DetectionDataset) -> String {
    func percent(_ value: Double?) -> String {
      value.map { NumberFormat.percent($0, decimals: 2) } ?? "–"
    }
    var table = TextTable([.left, .right, .right, .right] + (voc == nil ? [] : [.right, .right]))
    let objects = dataset.classes.indices.map { category in
      dataset.images.reduce(0) { $0 + $1.objects.count { $0.category == category } }
    }
    table.add(
      ["class", "objects", "AP", "AP50"]
        + (voc == nil ? [] : ["VOC AP50, 11 points", "VOC AP50, area"]))
    for (category, name) in dataset.classes.enumerated() {
      let own = coco.precision(ofClass: category)
      var cells = [name, objects[category].grouped, percent(own?.ap), percent(own?.ap50)]
      if let voc {
        let result = voc.results[category]
        cells += [percent(result?.elevenPoints), percent(result?.area)]
      }
      table.add(cells)
    }
    if let voc {
      let summary = coco.summary
      table.add([
        "mean", objects.reduce(0, +).grouped, percent(summary[0].value), percent(summary[1].value),
        percent(voc.meanElevenPoints), percent(voc.meanArea),
      ])
    }
    return ((note.map { [$0] } ?? []) + cocoLines + [""] + table.lines).map { $0 + "\n" }.joined()
  }
}

/// The files that a run or an evaluation leaves of its detections.
package enum DetectionFiles {
  package static let results = "detections.json"

  /// Points of a curve, at most.
  private static let curvePoints = 200

  /// A curve for each class that has objects.
  private static func curves(_ scores: DetectionScores) -> PrecisionRecallCurves {
    PrecisionRecallCurves(
      zip(scores.coco.classes, scores.coco.curves).compactMap { name, curve in
        let count = curve.recall.count
        if count == 0 { return nil }
        let step = max(1, (count + curvePoints - 1) / curvePoints)
        let places = stride(from: 0, to: count, by: step)
        return .init(
          name: name, recall: places.map { curve.recall[$0] },
          precision: places.map { curve.precision[$0] })
      })
  }

  /// Writes COCO's results, and VOC's for VOC data, into a folder, each in one step.
  ///
  /// - Parameter console: takes a note about detections that the results do not have.
  package static func write(
    _ detections: [Detection], of dataset: DetectionDataset, scores: DetectionScores,
    to folder: String, console: any Console
  ) throws {
    if let note = COCOResults.note(detections, of: dataset) { console.writeLine(note) }
    try AtomicFile.write(
      COCOResults.json(detections, of: dataset), to: "\(folder)/\(results)")
    try AtomicFile.write(
      curves(scores).sortedJSON + "\n", to: "\(folder)/\(PrecisionRecallCurves.fileName)")
    guard dataset.form == .voc else { return }
    for (category, name) in dataset.classes.enumerated() {
      try AtomicFile.write(
        VOCResults.text(detections, ofClass: category, of: dataset),
        to: "\(folder)/\(VOCResults.fileName(name, imageSet: dataset.setName))")
    }
  }
}
