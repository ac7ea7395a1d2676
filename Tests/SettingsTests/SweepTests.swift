/// Sweep files.

import Settings
import Testing

@Suite struct SweepTests {
  private func sweep(_ yaml: String) throws -> [(name: String, values: TrainingConfiguration)] {
    try Sweep(yaml: yaml, path: "s.yaml").jobs.map {
      ($0.name, $0.changes.applied(to: TrainingConfiguration()))
    }
  }

  @Test("runs, grid and seeds are combined in the order of the file")
  func product() throws {
    let jobs = try sweep(
      """
      base: {model: resnet8, lr: 0.2, mean: [0.1, 0.2, 0.3]}
      runs:
        - name: plain
          model: plain8
        - lr: 0.4
      grid:
        wd: [0, 1e-4]
      seeds: [1, 7]
      """)
    #expect(
      jobs.map(\.name) == [
        "plain-wd-0-seed-1", "plain-wd-0-seed-7", "plain-wd-1e-4-seed-1", "plain-wd-1e-4-seed-7",
        "lr-0.4-wd-0-seed-1", "lr-0.4-wd-0-seed-7", "lr-0.4-wd-1e-4-seed-1",
        "lr-0.4-wd-1e-4-seed-7",
      ])
    #expect(jobs[1].values.network.model == "plain8" && jobs[1].values.run.seed == 7)
    #expect(
      jobs[1].values.optimizer.weightDecay == 0 && jobs[1].values.schedule.learningRate == 0.2)
    #expect(
      jobs[6].values.network.model == "resnet8" && jobs[6].values.schedule.learningRate == 0.4)
    #expect(jobs.allSatisfy { $0.values.data.mean == .values([0.1, 0.2, 0.3]) })
  }

  @Test("a file of seeds alone, and an empty one")
  func small() throws {
    #expect(try sweep("seeds: [3]").map(\.name) == ["seed-3"])
    #expect(try sweep("").map(\.name) == ["run"])
  }

  @Test("a run's folder is one in the sweep's, whatever the run is called")
  func names() throws {
    let jobs = try sweep("runs: [{name: .}, {name: .., lr: 1}, {name: a/b}]")
    #expect(jobs.map(\.name) == ["_", "_.", "a_b"])
  }

  @Test(
    "mistakes are named with their line",
    arguments: [
      ("seed: [1]", "s.yaml:1: unknown key 'seed', did you mean 'seeds'?"),
      ("base:\n  modle: x", "s.yaml:2: unknown key 'modle', did you mean 'model'?"),
      ("runs:\n  - lr: fast", "s.yaml:2: lr: fast: expected a positive number"),
      ("grid:\n  lr: 0.1", "grid has lists of values"),
      ("grid: [1]", "base and grid are 'key: value' lines"),
      ("runs:\n  - lr: 1\n  - lr: 1", "two runs are called 'lr-1': give them names"),
      ("seeds: [1, [2]]", "s.yaml:1: an element of 'seeds' is no plain value"),
      ("grid:\n  lr: [0.1, {x: 0.2}]", "s.yaml:2: an element of 'lr' is no plain value"),
      (
        "base:\n  lr-milestones: [10, [20, 30]]",
        "s.yaml:2: an element of 'lr-milestones' is no plain value"
      ),
      (
        "runs:\n  - wd: 0\ngrid:\n  weight-decay: [1e-4]",
        "s.yaml:4: weight-decay is given in grid and in a run: leave one of them out"
      ),
      (
        "grid:\n  lr: [1]\n  learning-rate: [2]",
        "s.yaml:3: learning-rate is given in grid and in grid: leave one of them out"
      ),
      ("grid:\n  seed: [1]\nseeds: [2]", "s.yaml:2: seed is given in grid and in seeds"),
      ("runs:\n  - seed: 1\nseeds: [2]", "a run has a seed and there are seeds"),
      ("seeds: [x]", "seed: x: expected a whole number"),
      (
        "grid:\n  lr: \(Array(1...101))\n  wd: \(Array(1...100))",
        "make more than 10,000 runs"
      ),
    ])
  func mistakes(yaml: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try Sweep(yaml: yaml, path: "s.yaml")
    }
    #expect("\(error!)".contains(message), "\(error!)")
  }
}
