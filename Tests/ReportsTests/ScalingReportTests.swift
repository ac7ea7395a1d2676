/// Throughput over ranks, from what `bench --json` prints.

import Foundation
import Reports
import TestSupport
import Testing

@Suite struct ScalingReportTests {
  private func report(_ texts: String...) throws -> ScalingReport {
    let folder = try TemporaryDirectory()
    let files = try texts.enumerated().map { number, text in
      let path = folder.file("bench-\(number).json")
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      return path
    }
    return try ScalingReport(files: files)
  }

  private static func measured(
    _ ranks: Int, _ rate: Double, _ model: String = "resnet20", precision: String? = nil
  ) -> String {
    #"{"batch_size":128,"hosts":1,"images_per_second":\#(rate),"model":"\#(model)","#
      + (precision.map { #""precision":"\#($0)","# } ?? "")
      + #""ranks":\#(ranks),"threads":1}"# + "\n"
  }

  @Test("points are sorted into a curve for each network; efficiency is over its smallest run")
  func table() throws {
    let predicted =
      #"{"model":"resnet20","threads":1,"ranks_per_host":2,"rows":[{"ranks":8,"batch_size":512,"#
      + #""prediction":{"images_per_second":700}},{"ranks":9,"batch_size":8}]}"#
    let report = try report(
      Self.measured(4, 300) + Self.measured(2, 200), Self.measured(2, 50, "a<b>"), predicted)
    #expect(
      report.table.rows == [
        ["a<b>", "2", "128", "50", "100.0 %"], ["resnet20", "2", "128", "200", "100.0 %"],
        ["resnet20", "4", "128", "300", "75.0 %"],
        ["resnet20, predicted", "8", "512", "700", "100.0 %"],
      ])
    let html = report.html
    #expect(html.contains("a&lt;b&gt;") && !html.contains("a<b>"))
    #expect(html.contains("Efficiency") && html.components(separatedBy: "<svg").count == 3)
  }

  @Test("precisions are curves of their own, which are named where they differ")
  func precisions() throws {
    let one = try report(
      Self.measured(1, 100, precision: "bf16"), Self.measured(2, 150, precision: "bf16"))
    #expect(
      one.table.rows.map { [$0[0], $0[4]] } == [["resnet20", "100.0 %"], ["resnet20", "75.0 %"]])
    let several = try report(
      Self.measured(1, 100, precision: "bf16") + Self.measured(1, 50, precision: "fp32"),
      Self.measured(2, 100, precision: "fp32") + Self.measured(1, 40)
        + Self.measured(1, 10, "resnet8", precision: "fp32"))
    #expect(
      several.table.rows.map { [$0[0], $0[3], $0[4]] } == [
        ["resnet20", "40", "100.0 %"], ["resnet20, bf16", "100", "100.0 %"],
        ["resnet20, fp32", "50", "100.0 %"], ["resnet20, fp32", "100", "100.0 %"],
        ["resnet8", "10", "100.0 %"],
      ])
  }

  @Test("other files are refused, with file and line")
  func refused() throws {
    #expect(throws: ScalingReportError.nothing) { try report("") }
    #expect(throws: ScalingReportError.unreadable(path: "/no/such/file")) {
      try ScalingReport(files: ["/no/such/file"])
    }
    let error = #expect(throws: ScalingReportError.self) {
      try report(Self.measured(2, 200) + "images a second: 3\n")
    }
    #expect(error?.description.contains("bench-0.json, line 2: not a line") == true)
  }
}
