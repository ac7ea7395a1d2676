/// What `top` and Prometheus make of a run's status.

import Foundation
import Reports
import TestSupport
import Testing

@Suite struct RunStatusTests {
  /// Half of a run, written at time 1,000.
  private static var status: RunStatus {
    var status = RunStatus(
      state: .training, model: "resnet56", dataset: "cifar10", host: "node1", processId: 42,
      ranks: 8, hosts: 2, threads: 4, startTime: 100, step: 1000, steps: 2000, epochs: 10,
      evaluationSplit: "test")
    (status.updateTime, status.epoch, status.images) = (1000, 5, 128_000)
    (status.loss, status.top1Error, status.learningRate) = (0.3125, 0.112, 0.1)
    (status.imagesPerSecond, status.remainingSeconds) = (812.4, 3725)
    (status.evaluationLoss, status.evaluationTop1Error) = (0.4, 0.129)
    (status.checkpointStep, status.checkpointTime, status.trainingSeconds) = (992, 977, 900)
    return status
  }

  private func view(
    _ status: RunStatus?, _ health: RunHealth, losses: [Double] = []
  ) -> RunView {
    RunView(
      path: "runs/r56", status: status, health: health, losses: losses, lowestError: 0.121,
      time: 1000)
  }

  @Test("a status reads back as it was written")
  func coding() throws {
    let folder = try TemporaryDirectory()
    try Self.status.json.write(
      toFile: folder.file("status.json"), atomically: true, encoding: .utf8)
    #expect(RunStatus(ofRun: folder.path) == Self.status)
    try "{\"state\":\"train".write(
      toFile: folder.file("status.json"), atomically: true, encoding: .utf8)
    #expect(RunStatus(ofRun: folder.path) == nil)
  }

  @Test("a run's end is what it says; before that, its process and its silence tell")
  func health() {
    func health(
      _ state: RunStatus.State, alive: Bool?, silence: Double = 1
    ) -> RunHealth {
      var status = Self.status
      status.state = state
      return RunHealth(status, isAlive: alive, now: status.updateTime + silence)
    }
    for alive in [true, false, nil] {
      #expect(health(.finished, alive: alive, silence: 1e6) == .finished)
      #expect(health(.stopped, alive: alive) == .stopped)
      #expect(health(.failed, alive: alive) == .failed)
    }
    for state in [RunStatus.State.starting, .training, .evaluating] {
      #expect(health(state, alive: true) == .running && health(state, alive: nil) == .running)
      #expect(health(state, alive: false) == .died)
      #expect(health(state, alive: nil, silence: 61) == .silent(seconds: 61))
      #expect(health(state, alive: true, silence: 61) == .silent(seconds: 61))
    }
    #expect(RunHealth(nil, isAlive: nil, now: 0) == .unknown)
    #expect(RunHealth.running.isOpen && RunHealth.silent(seconds: 99).isOpen)
    for end in [RunHealth.died, .stopped, .failed, .finished, .unknown] { #expect(!end.isOpen) }
  }

  @Test("the page tells state, figures, time left and the age of the checkpoint, in any width")
  func page() {
    let losses = (0..<200).map { 2.3 - Double($0) / 100 }
    let lines = view(Self.status, .running, losses: losses).lines(width: 200)
    #expect(lines[0] == "runs/r56  resnet56 on cifar10, 8 ranks × 4 on 2 hosts")
    #expect(
      lines[1]
        == "  training  epoch 5/10  step 1,000/2,000  50 %  812 images/s  1:02:05 left")
    #expect(
      lines[2]
        == "  loss 0.312  error 11.2 %  test error 12.90 %  lowest 12.10 %  lr 0.1  15:00 trained  "
        + "checkpoint of step 992, 0:23 ago")
    #expect(lines[3].hasPrefix("  loss █") && lines[3].hasSuffix("▁ 2.300 to 0.310"))
    for width in [1, 20, 80] {
      for line in view(Self.status, .running, losses: losses).lines(width: width) {
        #expect(line.count <= width)
      }
    }
  }

  @Test("a run that ended, died or hangs says so, and no speed")
  func ends() {
    var failed = Self.status
    failed.message = "loss is NaN"
    for (health, words) in [
      (RunHealth.died, "DIED"), (.silent(seconds: 130), "NO NEWS for 2:10"), (.stopped, "stopped"),
      (.failed, "FAILED"), (.finished, "finished"),
    ] {
      let view = view(failed, health)
      let page = view.lines(width: 200).joined(separator: "\n")
      for text in [page, view.line] {
        #expect(text.contains(words) && text.contains("loss is NaN"), "\(text)")
        #expect(!text.contains("images/s") && !text.contains("left"), "\(text)")
      }
      #expect(!view.line.contains("\n"))
    }
  }

  /// The fixture was read by prometheus_client and promtool: Tests/Oracles/prometheus.
  @Test("Prometheus's text is that which its own parsers take")
  func prometheus() throws {
    let fixture = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/status.prom")
    let text = PrometheusText.text(Self.status, run: "a \"quoted\\ name\"\nof two lines")
    if ProcessInfo.processInfo.environment["RECORD_PROMETHEUS"] != nil {
      try text.write(to: fixture, atomically: true, encoding: .utf8)
    }
    #expect(text == (try String(contentsOf: fixture, encoding: .utf8)))
  }

  @Test("what is not known has no sample, and nothing infinite is written")
  func unknown() {
    var status = RunStatus(
      state: .starting, model: "m", dataset: "d", host: "h", processId: 1, ranks: 1, hosts: 1,
      threads: 1, startTime: 0, step: 0, steps: 10, epochs: 1, evaluationSplit: "test")
    status.imagesPerSecond = .infinity
    let text = PrometheusText.text(status, run: "r")
    for name in ["loss", "images_per_second", "remaining_seconds", "checkpoint_step"] {
      #expect(!text.contains("resnet_dist_\(name)"), "\(text)")
    }
    #expect(!text.contains(" inf") && text.contains("resnet_dist_steps_total{run=\"r\"} 0\n"))
  }

  @Test("a folder that is no run is refused")
  func folders() throws {
    let folder = try TemporaryDirectory()
    #expect(throws: RunRecordError.noRun(path: folder.path)) { try RunView(folder.path) }
    #expect(throws: RunRecordError.noFolder(path: "/none")) { try RunView("/none") }
  }
}
