/// The papers' tables of detectors.

import Foundation
import Reports
import TestSupport
import Testing

@Suite struct DetectionTableTests {
  private func run(_ backbone: String, _ figures: String) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    try Data("task: detection\nmodel: \(backbone)\ndata-dir: data/VOC\n".utf8)
      .write(to: URL(fileURLWithPath: folder.file("config.yaml")))
    try Data(
      """
      {"model":"fasterrcnn_\(backbone)_c4","samples":87,\(figures),"parameters_sha256":"a","seconds":3}
      """.utf8
    ).write(to: URL(fileURLWithPath: folder.file("result.json")))
    try Data("{\"step\":9,\"epoch\":1,\"split\":\"validation\",\"AP\":0.5,\"seconds\":3}\n".utf8)
      .write(to: URL(fileURLWithPath: folder.file("metrics.jsonl")))
    return folder
  }

  @Test("runs stand beside the paper's numbers, other backbones below them")
  func tables() throws {
    let figures = "\"AP\":0.301,\"AP50\":0.5,\"AP_11_points\":0.5123,\"AP_area\":0.52"
    let folders = [try run("resnet101", figures), try run("resnet18", figures)]
    let runs = try folders.map { try RunRecord($0.path) }
    #expect(runs.map(\.isDetector) == [true, true])
    let seven = DetectionTable.table7.filled(with: runs)
    #expect(
      seven.rows == [
        ["VGG-16", "73.2", "70.4", "", "", "", "", ""],
        ["ResNet-101", "76.4", "73.8", "51.2", "52.0", "VOC", "87", "9"],
        ["resnet18", "", "", "51.2", "52.0", "VOC", "87", "9"],
      ])
    let eight = DetectionTable.table8.filled(with: Array(runs.prefix(1)))
    #expect(eight.rows[1] == ["ResNet-101", "48.4", "27.2", "50.0", "30.1", "VOC", "87", "9"])
    #expect(eight.rows.allSatisfy { $0.count == eight.header.count })
  }
}
