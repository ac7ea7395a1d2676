/// Sweep files that were changed after their runs were finished.

import Runs
import Settings
import Testing

@Suite struct SweepEditTests {
  private func configuration(_ yaml: String) throws -> TrainingConfiguration {
    try ConfigurationChanges(yaml: yaml, path: "s.yaml").applied(to: TrainingConfiguration())
  }

  @Test("what a run filled in, how fast it was and where it was are no other settings")
  func same() throws {
    let file = try configuration("{dataset: cifar10, iterations: 2, keep-checkpoints: 5}")
    let run = try configuration(
      "{dataset: cifar10, iterations: 2, model: resnet20, shortcut: A, shards: 8, mean: per-channel, "
        + "std: per-channel, threads: 2}")
    #expect(file.difference(fromFinished: run) == nil)
  }

  @Test(
    "a value that decides the parameters is another run's, also one that was taken out",
    arguments: [
      ("iterations: 2", "iterations: 6", "iterations 2, the file now says 6"),
      ("{iterations: 2, wd: 0.5}", "iterations: 2", "wd 0.5, the file now says 0.0001"),
      ("bn-group-size: 4", "seed: 1", "bn-group-size 4, the file now says not set"),
      ("model: resnet20", "model: resnet32", "model resnet20, the file now says resnet32"),
      ("weights: a.pth", "weights: b.pth", "weights a.pth, the file now says b.pth"),
    ])
  func edited(run: String, file: String, message: String) throws {
    #expect(
      try configuration(file).difference(fromFinished: configuration(run)) == message)
  }

  @Test("a run that was resumed has no weights to compare")
  func resumed() throws {
    #expect(
      try configuration("weights: a.pth").difference(fromFinished: configuration("seed: 1")) == nil)
  }

  @Test("seed is in the grid or in seeds")
  func seeds() throws {
    let error = #expect(throws: ConfigurationError.self) {
      try Sweep(yaml: "grid:\n  seed: [1, 2]\nseeds: [3, 4]", path: "s.yaml")
    }
    #expect(error.map { "\($0)".contains("s.yaml:2") && "\($0)".contains("leave one") } == true)
    #expect(try Sweep(yaml: "grid:\n  seed: [1, 2]", path: "s.yaml").jobs.count == 2)
  }
}
