/// A configuration's written form: round trips, unknown keys, files that are no configuration.

import Networks
import Settings
import TestSupport
import Testing

@Suite struct ConfigurationCodingTests {
  /// A value other than the default for every key.
  static let everything: [(key: String, value: String)] = [
    ("model", "resnet56"), ("shortcut", "C"), ("stride-placement", "1x1"), ("precision", "bf16"),
    ("zero-init-residual", "true"), ("weights", "runs/a b/weights.safetensors"),
    ("new-classifier", "true"), ("transfer", "last"), ("train-last", "3"),
    ("freeze", "conv1,layer1.0"), ("cache-features", "off"),
    ("dataset", "image-folder"), ("data-dir", "/data/it's: \"here\" # all"),
    ("val-data", "val-{0..3}.tar"), ("train-limit", "1000"), ("test-limit", "7"),
    ("validation-split", "500"),
    ("mean", "0.485,0.456,0.406"), ("std", "0.229,0.224,0.225"), ("image-size", "112"),
    ("image-size-schedule", "64,96@35%,112@4"),
    ("val-resize-size", "130"), ("val-crop-size", "112"), ("interpolation", "bicubic"),
    ("exif-transpose", "true"),
    ("max-image-pixels", "1000000"), ("on-bad-image", "skip"),
    ("train-crop", "scale"), ("scale", "0.25,0.75"), ("ratio", "0.5,2"),
    ("train-scales", "128,240"), ("crop-padding", "0"), ("flip", "false"),
    ("auto-augment", "ra"), ("ra-magnitude", "7"),
    ("color-jitter", "0.4,0.3,0.2"), ("pca-noise", "0.1"), ("label-smoothing", "0.1"),
    ("bce-loss", "true"), ("bce-target-thresh", "0.2"), ("ra-reps", "4"),
    ("random-erase", "0.25"), ("mixup-alpha", "0.2"),
    ("cutmix-alpha", "1"),
    ("mix-probability", "0.5"),
    ("iterations", "64000"), ("lr", "0.05"), ("lr-reference-batch", "128"),
    ("lr-schedule", "plateau"), ("lr-milestones", "32000,48000.5,90%"), ("lr-gamma", "0.2"),
    ("lr-min", "0.001"), ("lr-power", "2"), ("plateau-patience", "3"),
    ("plateau-threshold", "0.01"), ("one-cycle-pct-start", "0.25"), ("one-cycle-div-factor", "10"),
    ("one-cycle-final-div-factor", "100"),
    ("warmup-iterations", "400"), ("warmup-method", "constant"), ("warmup-lr", "0.01"),
    ("warmup-prefix", "true"), ("lr-interval", "epoch"),
    ("optimizer", "lars"), ("lars-trust", "0.02"), ("lamb-beta2", "0.99"),
    ("lamb-eps", "0.001"), ("lamb-max-norm", "2"), ("momentum", "0.95"), ("nesterov", "true"),
    ("wd", "0.0005"), ("norm-weight-decay", "0"),
    ("lr-backbone", "0.1"), ("ema-decay", "0.99"), ("ema-steps", "32"),
    ("ema-adjust", "true"),
    ("batch-size", "256"), ("accumulate", "4"), ("shards", "16"), ("balance", "2,1.5"),
    ("bn-group-size", "64"),
    ("threads", "3"), ("workers", "2"), ("reduction", "mpi"), ("gradient-compression", "bf16"),
    ("bucket-mb", "2.5"),
    ("recipe", "goyal2017"), ("seed", "18446744073709551615"), ("run-dir", "-runs/é"),
    ("checkpoint-every", "500"), ("checkpoint-minutes", "7.5"),
    ("keep-checkpoints", "9"), ("eval-every", "4"), ("select", "best"), ("max-time", "26:03:04"),
    ("on-nan", "skip"), ("verify-every", "10"), ("stall-timeout", "60"),
    ("report", "false"),
    ("timeline", "a.json"), ("tensorboard", "true"), ("prometheus-file", "a.prom"),
    ("task", "detection"), ("min-size", "480"), ("max-size", "800"),
    ("train-min-sizes", "400,480"), ("test-min-sizes", "300,600"),
    ("train-set", "trainval"), ("val-set", "test"),
    ("difficult", "keep"), ("strict", "true"), ("anchor-sizes", "64,128"),
    ("anchor-ratios", "0.5,1"), ("rpn-channels", "256"), ("rpn-batch-size-per-image", "128"),
    ("rpn-positive-fraction", "0.25"), ("rpn-fg-iou-thresh", "0.6"), ("rpn-bg-iou-thresh", "0.4"),
    ("rpn-drop-crossing", "true"), ("rpn-pre-nms-top-n-train", "1000"),
    ("rpn-post-nms-top-n-train", "500"), ("rpn-pre-nms-top-n-test", "800"),
    ("rpn-post-nms-top-n-test", "200"), ("rpn-nms-thresh", "0.8"),
    ("box-batch-size-per-image", "64"), ("box-positive-fraction", "0.5"),
    ("box-fg-iou-thresh", "0.6"), ("box-score-thresh", "0.1"), ("box-nms-thresh", "0.3"),
    ("box-detections-per-img", "50"), ("box-refinement", "true"), ("global-context", "true"),
    ("roi-pooling", "roi-pool"), ("roi-size", "7"),
    ("rpn-smooth-l1-beta", "0"), ("box-smooth-l1-beta", "0.5"), ("freeze-stages", "1"),
    ("training", "fast-rcnn"), ("proposals-from", "runs/step1"), ("fast-rcnn-length", "0.75"),
    ("fast-rcnn-batch-size", "4"),
  ]

  private func roundTrip(_ configuration: TrainingConfiguration) throws -> TrainingConfiguration {
    try TrainingConfiguration(yaml: configuration.yaml())
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
      [("balance", "9223372036854775807,1e300,0.1")],
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
    let configuration = try TrainingConfiguration(yaml: yaml)
    #expect(configuration.network.model == "resnet56" && configuration.data.dataset == .cifar10)
    #expect(
      configuration.schedule.length == .iterations(64_000)
        && configuration.schedule.learningRate == 0.1)
    #expect(configuration.schedule.milestones == [.position(32_000), .position(48_000)])
    #expect(
      configuration.data.mean == .values([0.5, 0.5, 0.5]) && !configuration.augmentation.flip)
    #expect(configuration.network.shortcut == nil && configuration.parallel.threads == nil)
    #expect(try TrainingConfiguration(yaml: "") == TrainingConfiguration())
    #expect(try TrainingConfiguration(yaml: "# nothing\n") == TrainingConfiguration())
  }

  @Test("an unknown key is named with its file and the nearest known one")
  func unknownKey() {
    for (key, nearest) in [
      ("learning-rat", "learning-rate"), ("momentun", "momentum"),
      ("lr-milestone", "lr-milestones"), ("batch_size", "batch-size"), ("zebra", nil),
    ] as [(String, String?)] {
      let source = ConfigurationError.Source(file: "run.yaml", line: 3)
      #expect(throws: ConfigurationError.unknownKey(key, suggestion: nearest, source: source)) {
        try TrainingConfiguration(yaml: "# A run.\nseed: 2\n\(key): 1\n")
      }
    }
    let error = ConfigurationError.unknownKey(
      "wb", suggestion: "wd", source: .init(file: "run.yaml", line: 7))
    #expect("\(error)" == "run.yaml:7: unknown key 'wb', did you mean 'wd'?")
  }

  @Test("a bad value is refused with its file and line")
  func badValue() {
    do {
      _ = try TrainingConfiguration(yaml: "lr: 0.1\n\nflip: maybe\n")
      Issue.record("nothing was thrown")
    } catch {
      #expect("\(error)" == "run.yaml:3: flip: maybe: expected true or false")
    }
  }

  @Test("one value cannot be given in two ways")
  func givenTwice() throws {
    for (first, second) in [("epochs", "iterations"), ("warmup-epochs", "warmup-iterations")] {
      do {
        _ = try TrainingConfiguration([(first, "1"), (second, "1")])
        Issue.record("nothing was thrown")
      } catch {
        #expect(
          "\(error)" == "--\(first) and --\(second) set the same value: use one of them")
      }
      do {
        _ = try TrainingConfiguration(yaml: "\(first): 1\n\(second): 1\n")
        Issue.record("nothing was thrown")
      } catch {
        #expect(
          "\(error)" == "run.yaml:2: \(first) and \(second) set the same value: use one of them")
      }
    }
  }

  @Test("a setting's other names are keys, too")
  func aliases() throws {
    let configuration = try TrainingConfiguration(yaml: "weight-decay: 0.5\narch: resnet32\n")
    #expect(configuration.optimizer.weightDecay == 0.5)
    #expect(configuration.network.model == "resnet32")
    let names = TrainingConfiguration.settings.flatMap(\.names)
    #expect(Set(names).count == names.count)
  }

  @Test("YAML names every key, null where nothing is set, and lists what was derived apart")
  func everyKeyInYAML() throws {
    let configuration = TrainingConfiguration()
    var derived = configuration
    derived.parallel.threads = 3
    derived.data.imageSize = 224
    let yaml = try configuration.yaml(derived: derived)
    for key in configuration.ownSettings.map(\.key) {
      #expect(yaml.contains("\n\(key): ") || yaml.hasPrefix("\(key): "), "\(key)")
    }
    #expect(!yaml.contains("rpn-"))
    var detector = configuration
    detector.detection.task = .detection
    let ofDetector = try detector.yaml()
    for key in TrainingConfiguration.settings.map(\.key) {
      #expect(ofDetector.contains("\n\(key): ") || ofDetector.hasPrefix("\(key): "), "\(key)")
    }
    #expect(yaml.contains("\nthreads: null\n"))
    #expect(yaml.hasSuffix("\nderived:\n  image-size: 224\n  threads: 3\n"), "\(yaml)")
    #expect(try TrainingConfiguration(yaml: yaml) == configuration)
  }

  @Test(
    "what is not a flat mapping is refused with the file's name",
    arguments: [
      "lr: [0.1", "- lr\n- 0.1\n", "just text", "lr:\n  first: 0.1\n", "lr: 0.1\nlr: 0.2\n",
      "? [a, b]\n: 1\n",
    ])
  func notAConfiguration(yaml: String) {
    do {
      let configuration = try TrainingConfiguration(yaml: yaml, path: "folder/run.yaml")
      Issue.record("accepted as \(configuration.values)")
    } catch {
      #expect("\(error)".contains("folder/run.yaml"), "\(error)")
    }
  }
}
