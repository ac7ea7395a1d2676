/// Tests of a configuration's written form.

import Networks
import Testing
import Training

@Suite struct ConfigurationTests {
  @Test("every value survives being written as YAML and read again")
  func roundTrip() throws {
    var configuration = TrainingConfiguration()
    configuration.model = "resnet32"
    configuration.shortcut = .b
    configuration.weights = "some: odd #path"
    configuration.dataset = .imageFolder
    configuration.dataDirectory = "null"
    configuration.trainLimit = 12
    configuration.testLimit = 13
    configuration.mean = .values([0.485, 0.456, 0.406])
    configuration.deviation = .none
    configuration.cropPadding = 0
    configuration.flip = false
    configuration.batchSize = 96
    configuration.shards = 6
    configuration.length = .iterations(64_000)
    configuration.learningRate = 0.05
    configuration.milestones = [.fraction(33.3 / 100), .position(48_000), .position(0.5)]
    configuration.gamma = 0.2
    configuration.momentum = 0
    configuration.weightDecay = 5e-4
    configuration.normalizationWeightDecay = 0
    configuration.seed = .max
    configuration.threads = 3
    configuration.workers = 2
    configuration.runDirectory = "yes"
    configuration.checkpointEvery = 100
    configuration.keepCheckpoints = 7
    configuration.evaluateEvery = 2
    let yaml = try configuration.yaml()
    let values = try TrainingConfiguration.values(yaml: yaml, path: "test")
    #expect(try TrainingConfiguration(values) == configuration, "\(yaml)")
    let defaults = try TrainingConfiguration.values(
      yaml: TrainingConfiguration().yaml(), path: "test")
    #expect(try TrainingConfiguration(defaults) == TrainingConfiguration())
  }

  @Test("later values win")
  func precedence() throws {
    let file = try TrainingConfiguration.values(yaml: "lr: 0.2\nseed: 5\n", path: "file")
    let fromFile = try TrainingConfiguration(file)
    let both = try TrainingConfiguration([("lr", "0.3")], over: fromFile)
    #expect(both.learningRate == 0.3 && both.seed == 5 && both.momentum == 0.9)
  }

  @Test("lists may be written as YAML lists")
  func lists() throws {
    let values = try TrainingConfiguration.values(
      yaml: "mean: [0.1, 0.2, 0.3]\nlr-milestones: [50%, 75%]\n", path: "file")
    let configuration = try TrainingConfiguration(values)
    #expect(configuration.mean == .values([0.1, 0.2, 0.3]))
    #expect(configuration.milestones == [.fraction(0.5), .fraction(0.75)])
  }

  @Test("an unknown key is refused with the nearest known one")
  func unknownKey() {
    #expect(
      throws: ConfigurationError.unknownKey(
        "batch_size", suggestion: "batch-size", source: "command line")
    ) { try TrainingConfiguration([("batch_size", "1")]) }
    #expect(
      throws: ConfigurationError.unknownKey("xyzzyplugh", suggestion: nil, source: "f")
    ) { try TrainingConfiguration([("xyzzyplugh", "1")], source: "f") }
  }

  @Test(
    "values out of range, of the wrong kind or not finite are refused",
    arguments: [
      ("batch-size", "0"), ("batch-size", "1.5"), ("batch-size", "many"), ("shards", "0"),
      ("epochs", "0"), ("epochs", "-1"), ("iterations", "0"), ("lr", "0"), ("lr", "nan"),
      ("lr", "inf"), ("lr-milestones", "50%,,60%"), ("lr-milestones", "101%"),
      ("lr-milestones", "-1"), ("momentum", "1"), ("momentum", "-0.1"), ("wd", "-1"),
      ("norm-weight-decay", "x"), ("seed", "-1"), ("threads", "0"), ("workers", "0"),
      ("mean", "1,2"), ("mean", "1,2,x"), ("std", "1,1,0"), ("flip", "maybe"), ("shortcut", "D"),
      ("dataset", "mnist"), ("model", ""), ("train-limit", "0"), ("checkpoint-every", "0"),
      ("keep-checkpoints", "0"), ("eval-every", "0"), ("crop-padding", "-1"),
    ])
  func badValues(key: String, value: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try TrainingConfiguration([(key, value)])
    }
    guard case .badValue(key, value, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "a file that is no list of keys and values is refused",
    arguments: ["- a\n", "a: {b: 1}\n", "a: [\n", "42"])
  func badFiles(yaml: String) {
    #expect(throws: ConfigurationError.self) {
      try TrainingConfiguration(TrainingConfiguration.values(yaml: yaml, path: "file"))
    }
  }
}
