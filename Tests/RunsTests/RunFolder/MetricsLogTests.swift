/// `metrics.jsonl` as other programs read it, and what resuming leaves of it.

import Foundation
import Runs
import System
import TensorBoard
import Testing

@Suite struct MetricsLogTests {
  static func record(_ step: Int, _ split: MetricsRecord.Split = .train) -> MetricsRecord {
    MetricsRecord(
      step: step, epoch: 1, split: split, images: 128, loss: 0.1 + 0.2, top1Error: 0.112,
      learningRate: 0.1,
      imagesPerSecond: 812.5, seconds: Double(step) / 3)
  }

  @Test("the keys come in a fixed order and numbers in their shortest exact form")
  func keys() {
    var record = MetricsLogTests.record(469, .test)
    record.seconds = 1e-7
    #expect(
      record.json
        == #"{"step":469,"epoch":1,"split":"test","images":128,"loss":0.30000000000000004,"top1_error":0.112,"#
        + #""lr":0.1,"images_per_second":812.5,"seconds":1e-07}"#)
    record.top5Error = 0.003
    #expect(record.json.contains(#""top1_error":0.112,"top5_error":0.003,"lr":0.1"#))
  }

  @Test("Foundation reads every number back exactly")
  func readBack() throws {
    for value in [
      0.1, 1e-300, 2.5e-308, 1.7976931348623157e308, 123456789.125, 1e16, -0.0, 2.0 / 3,
    ] {
      var record = MetricsLogTests.record(1)
      record.loss = value
      let read = try JSONSerialization.jsonObject(with: Data(record.json.utf8)) as? [String: Any]
      #expect((read?["loss"] as? NSNumber)?.doubleValue == value)
    }
  }

  @Test("what is not finite becomes null", arguments: [Double.nan, .infinity, -.infinity])
  func notFinite(value: Double) throws {
    var record = MetricsLogTests.record(1)
    record.loss = value
    let read = try JSONSerialization.jsonObject(with: Data(record.json.utf8)) as? [String: Any]
    #expect(read?["loss"] is NSNull)
  }

  @Test("TensorBoard gets a split's figures in its group, and the training's rate and speed")
  func scalars() {
    var record = MetricsLogTests.record(50)
    #expect(
      record.scalars == [
        Event.Scalar("train/loss", 0.1 + 0.2), Event.Scalar("train/error", 0.112),
        Event.Scalar("lr", 0.1), Event.Scalar("images_per_s", 812.5),
      ])
    record.split = .test
    record.top5Error = 0.003
    #expect(
      record.scalars == [
        Event.Scalar("test/loss", 0.1 + 0.2), Event.Scalar("test/error", 0.112),
        Event.Scalar("test/top5_error", 0.003),
      ])
  }

  @Test("means of no images are no points for TensorBoard")
  func noImages() {
    var record = MetricsLogTests.record(50)
    (record.images, record.loss, record.top1Error) = (0, .nan, .nan)
    #expect(record.scalars.map(\.tag) == ["lr", "images_per_s"])
  }

  @Test("resuming drops later steps, a torn last line and nothing else")
  func resume() throws {
    let scratch = try ScratchFolder()
    let path = scratch.path + "/metrics.jsonl"
    do {
      let log = try MetricsLog(path: path)
      for step in [1, 50, 100] { try log.append(MetricsLogTests.record(step)) }
      try log.append(MetricsLogTests.record(100, .test))
      try log.append(MetricsLogTests.record(150))
      try log.synchronize()
    }
    let whole = try scratch.text("metrics.jsonl")
    try scratch.put(whole + #"{"step":60,"epo"#, "metrics.jsonl")
    do {
      let log = try MetricsLog(path: path, resumingAfter: 100)
      try log.append(MetricsLogTests.record(150))
    }
    #expect(try scratch.text("metrics.jsonl") == whole)
    // An evaluation that is made again is logged once.
    do {
      let log = try MetricsLog(path: path, resumingAfter: 100, repeatsEvaluation: true)
      try log.append(MetricsLogTests.record(100, .test))
      try log.append(MetricsLogTests.record(150))
    }
    #expect(try scratch.text("metrics.jsonl") == whole)
    _ = try MetricsLog(path: path, resumingAfter: 0)
    #expect(try scratch.text("metrics.jsonl") == "")
    #expect(try scratch.names == ["metrics.jsonl"])
  }

  @Test("resuming where no metrics were written begins an empty file")
  func resumeWithoutFile() throws {
    let scratch = try ScratchFolder()
    _ = try MetricsLog(path: scratch.path + "/metrics.jsonl", resumingAfter: 7)
    #expect(try scratch.text("metrics.jsonl") == "")
  }

  @Test("a full device is an error, not a lost line")
  func fullDevice() throws {
    let log = try MetricsLog(path: "/dev/full")
    #expect(throws: FileError.failed(operation: "write", path: "/dev/full", code: ENOSPC)) {
      try log.append(MetricsLogTests.record(1))
    }
  }
}
