/// A configuration's written form: round trips, unknown keys, files that are no configuration.

import Networks
import Settings
import TestSupport
import Testing

@Suite struct ConfigurationCodingTests {
  /// A value other than the default for every key.
  static let everything: [(key: String, value: String)] = [
    ("model", "resnet56"), ("shortcut", "C"), ("stride-placement", "1x1"),
    ("zero-init-residual", "true"), ("weights", "runs/a b/weights.safetensors"),
    ("dataset", "image-folder"), ("data-dir", "/data/it's: \"here\" # all"),
    ("train-limit", "1000"), ("test-limit", "7"), ("mean", "0.485,0.456,0.406"),
    ("std", "0.229,0.224,0.225"), ("crop-padding", "0"), ("flip", "false"),
    ("batch-size", "256"), ("accumulate", "4"), ("shards", "16"), ("bn-group-size", "64"),
    ("iterations", "64000"),
    ("lr", "0.05"),
    ("lr-reference-batch", "128"), ("lr-schedule", "plateau"),
    ("lr-milestones", "32000,48000.5,90%"), ("lr-gamma", "0.2"), ("lr-min", "0.001"),
    ("lr-power", "2.0"), ("plateau-patience", "3"), ("plateau-threshold", "0.01"),
    ("one-cycle-pct-start", "0.25"), ("one-cycle-div-factor", "10.0"),
    ("one-cycle-final-div-factor", "100.0"),
    ("warmup-iterations", "400"), ("warmup-method", "constant"), ("warmup-lr", "0.01"),
    ("optimizer", "lars"), ("lars-trust", "0.02"), ("momentum", "0.95"), ("nesterov", "true"),
    ("wd", "0.0005"), ("norm-weight-decay", "0.0"), ("label-smoothing", "0.1"),
    ("seed", "18446744073709551615"),
    ("threads", "3"), ("workers", "2"), ("reduction", "mpi"), ("gradient-compression", "bf16"),
    ("bucket-mb", "2.5"),
    ("stall-timeout", "60.0"), ("timeline", "a.json"),
    ("run-dir", "-runs/é"), ("checkpoint-every", "500"),
    ("keep-checkpoints", "9"), ("eval-every", "4"),
    ("val-data", "val-{0..3}.tar"), ("image-size", "112"), ("exif-transpose", "true"),
    ("train-crop", "scale"),
    ("scale", "0.25,0.75"), ("ratio", "0.5,2.0"),
    ("train-scales", "128,240"), ("val-resize-size", "130"), ("val-crop-size", "112"),
    ("color-jitter", "0.4,0.3,0.2"), ("pca-noise", "0.1"), ("on-bad-image", "skip"),
  ]

  private func roundTrip(_ configuration: TrainingConfiguration) throws -> TrainingConfiguration {
    let yaml = try configuration.yaml()
    return try TrainingConfiguration(
      TrainingConfiguration.values(yaml: yaml, path: "config.yaml"), source: "config.yaml")
  }

  @Test("every key is spelt, set and written")
  func everyKey() throws {
    let configuration = try TrainingConfiguration(Self.everything)
    #expect(configuration.values.map(\.key) == Self.everything.map(\.key))
    #expect(configuration.values.map(\.value) == Self.everything.map(\.value))
    let defaults = TrainingConfiguration().values
    for (key, value) in Self.everything {
      #expect(defaults.first { $0.key == key }?.value != value, "\(key) is at its default")
    }
  }

  @Test("a configuration read back from its YAML is the same")
  func yaml() throws {
    for values in [
      [], Self.everything, [("epochs", "200")], [("lr-milestones", "none")],
      [("mean", "per-pixel"), ("std", "none")], [("mean", "none")],
      [("lr", "1e-07"), ("wd", "0.1")], [("lr-milestones", "0.1%,33.333333%")],
      [("warmup-epochs", "5")], [("warmup-epochs", "0.25"), ("warmup-lr", "0.0")],
      [("run-dir", "yes")], [("run-dir", "007")], [("run-dir", " blank ")], [("run-dir", "a\nb")],
    ] as [[(key: String, value: String)]] {
      let configuration = try TrainingConfiguration(values)
      #expect(try roundTrip(configuration) == configuration, "\(values)")
    }
  }

  @Test("YAML reads like the command line: a line for each flag, lists as lists, null as not set")
  func handWritten() throws {
    let yaml = """
      # The CIFAR-10 run of the paper.
      model: resnet56
      dataset: cifar10
      iterations: 64000
      lr: 1e-1
      lr-milestones: [32000, 48000]
      mean:
        - 0.5
        - 0.5
        - 0.5
      flip: no
      """.replacing("flip: no", with: "flip: false\nshortcut: null\nthreads: ~")
    let configuration = try TrainingConfiguration(
      TrainingConfiguration.values(yaml: yaml, path: "run.yaml"))
    #expect(configuration.model == "resnet56" && configuration.dataset == .cifar10)
    #expect(
      configuration.schedule.length == .iterations(64_000)
        && configuration.schedule.learningRate == 0.1)
    #expect(configuration.schedule.milestones == [.position(32_000), .position(48_000)])
    #expect(configuration.mean == .values([0.5, 0.5, 0.5]) && !configuration.flip)
    #expect(configuration.shortcut == nil && configuration.threads == nil)
    #expect(try TrainingConfiguration.values(yaml: "", path: "run.yaml").isEmpty)
    #expect(try TrainingConfiguration.values(yaml: "# nothing\n", path: "run.yaml").isEmpty)
  }

  @Test("an unknown key is named with its file and the nearest known one")
  func unknownKey() {
    for (key, nearest) in [
      ("learning-rate", nil), ("momentun", "momentum"), ("lr-milestone", "lr-milestones"),
      ("batch_size", "batch-size"), ("zebra", nil),
    ] as [(String, String?)] {
      #expect(throws: ConfigurationError.unknownKey(key, suggestion: nearest, source: "run.yaml")) {
        try TrainingConfiguration([(key, "1")], source: "run.yaml")
      }
    }
    let error = ConfigurationError.unknownKey("wb", suggestion: "wd", source: "run.yaml")
    #expect("\(error)" == "run.yaml: unknown key 'wb', did you mean 'wd'?")
  }

  @Test(
    "what is not a flat mapping is refused with the file's name",
    arguments: [
      "lr: [0.1", "- lr\n- 0.1\n", "just text", "lr:\n  first: 0.1\n", "lr: 0.1\nlr: 0.2\n",
      "? [a, b]\n: 1\n",
    ])
  func notAConfiguration(yaml: String) {
    do {
      let values = try TrainingConfiguration.values(yaml: yaml, path: "folder/run.yaml")
      Issue.record("accepted as \(values)")
    } catch {
      #expect("\(error)".contains("folder/run.yaml"), "\(error)")
    }
  }
}
