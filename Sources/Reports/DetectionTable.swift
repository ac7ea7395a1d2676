/// The papers' tables of detectors, with columns for what was measured here.

import Console
import Foundation
import Tensors

/// Table 7 or 8 of He et al. 2015: Faster R-CNN on different backbones.
package enum DetectionTable: String, CaseIterable, Sendable {
  /// Pascal VOC.
  case table7 = "7"
  /// COCO.
  case table8 = "8"

  package var title: String {
    switch self {
    case .table7:
      "He et al. 2015, Table 7: mAP on the Pascal VOC 2007 and 2012 test sets, baseline Faster R-CNN"
    case .table8: "He et al. 2015, Table 8: mAP on COCO validation, baseline Faster R-CNN"
    }
  }

  /// A backbone and the paper's two numbers, in percent as they are printed there.
  private var paper: [(backbone: String, name: String, first: String, second: String)] {
    switch self {
    case .table7:
      [("vgg16", "VGG-16", "73.2", "70.4"), ("resnet101", "ResNet-101", "76.4", "73.8")]
    case .table8:
      [("vgg16", "VGG-16", "41.5", "21.2"), ("resnet101", "ResNet-101", "48.4", "27.2")]
    }
  }

  private var header: [String] {
    let ours = ["data", "images", "iterations"]
    return switch self {
    case .table7:
      ["backbone", "paper: VOC 07 test", "VOC 12 test", "ours: AP50, 11 points", "area"] + ours
    case .table8: ["backbone", "paper: AP50", "AP", "ours: AP50", "AP"] + ours
    }
  }

  /// The table with runs of `detect train`: the paper's rows, and below them other backbones.
  package func filled(with runs: [RunRecord]) -> TableText {
    let runs = runs.filter(\.isDetector)
    let known = paper.map(\.backbone)
    let rows = paper.flatMap { row in
      let own = runs.filter { $0.configuration.network.model == row.backbone }
      let cells = [row.name, row.first, row.second]
      return own.isEmpty
        ? [cells + Array(repeating: "", count: header.count - 3)] : own.map { cells + measured($0) }
    }
    let others = runs.filter { !known.contains($0.configuration.network.model) }
    return TableText(
      header: header,
      rows: rows + others.map { [$0.configuration.network.model, "", ""] + measured($0) })
  }

  private func measured(_ run: RunRecord) -> [String] {
    func percent(_ value: Double?) -> String {
      value.map { String(format: "%.1f", 100 * $0) } ?? ""
    }
    let figures: [Double?] =
      switch self {
      case .table7: [run.result?.averagePrecision11Points, run.result?.averagePrecisionArea]
      case .table8: [run.result?.averagePrecision50, run.result?.averagePrecision]
      }
    return figures.map(percent) + [
      run.dataName, run.result.map { $0.samples.grouped } ?? "",
      run.metrics.last.map { $0.step.grouped } ?? "",
    ]
  }
}
