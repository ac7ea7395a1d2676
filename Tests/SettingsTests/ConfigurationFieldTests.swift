/// Every field's limits: what is just inside is taken, what is outside is refused by name.

import Settings
import Testing

@Suite struct ConfigurationFieldTests {
  static let good: [(String, [String])] = [
    ("shortcut", ["A", "b", "C"]), ("dataset", ["Fashion-MNIST", "cifar100", "synthetic"]),
    ("train-limit", ["1"]), ("mean", ["0,0,0", " 0.1, -0.2 ,1e-3", "per-pixel", "none", "auto"]),
    ("std", ["auto", "1,1,1", "per-channel", "none"]), ("crop-padding", ["0", "64"]),
    ("flip", ["true", "False"]), ("batch-size", ["1", "1048576"]), ("shards", ["1"]),
    ("epochs", ["1", "999999"]), ("iterations", ["1", "999999999"]), ("lr", ["1e-9", "3"]),
    ("lr-milestones", ["none", "0", "0%,100%", "1.5,2"]), ("lr-gamma", ["1", "10"]),
    ("lr-reference-batch", ["1", "256"]), ("warmup-epochs", ["0", "0.5", "5"]),
    ("warmup-iterations", ["0", "400"]), ("warmup-method", ["linear", "Constant"]),
    ("lr-schedule", ["constant", "Cosine", "polynomial", "one-cycle"]), ("lr-min", ["0", "1e-5"]),
    ("lr-power", ["0.9", "2"]), ("plateau-patience", ["0", "10"]),
    ("plateau-threshold", ["0", "0.01"]), ("one-cycle-pct-start", ["0", "0.3", "1"]),
    ("one-cycle-div-factor", ["1", "25"]), ("one-cycle-final-div-factor", ["1", "1e4"]),
    ("warmup-lr", ["0", "0.01"]), ("optimizer", ["sgd", "LARS"]), ("lars-trust", ["1e-6", "2"]),
    ("momentum", ["0", "0.999"]), ("nesterov", ["true", "False"]), ("wd", ["0"]),
    ("norm-weight-decay", ["0", "1"]),
    ("seed", ["0", "18446744073709551615"]), ("threads", ["1"]), ("workers", ["1", "256"]),
    ("stride-placement", ["1x1", "3x3", "v1", "V1.5"]), ("label-smoothing", ["0", "0.1", "0.999"]),
    ("precision", ["fp32", "bf16", "bf16-amx"]), ("balance", ["even", "AUTO", "1", "2, 0.5"]),
    ("zero-init-residual", ["true", "False"]),
    ("checkpoint-every", ["1"]),
    ("keep-checkpoints", ["1"]), ("eval-every", ["1"]),
    ("image-size", ["1"]), ("train-crop", ["pad", "Random-Resized", "scale", "center"]),
    ("scale", ["0.08, 1", "1,1"]), ("ratio", ["0.75,1.333", "1,1"]),
    ("train-scales", ["256,480", "1, 1"]), ("val-resize-size", ["256"]), ("val-crop-size", ["224"]),
    ("on-bad-image", ["fail", "Skip"]), ("exif-transpose", ["true", "False"]),
    ("interpolation", ["bilinear", "Bicubic"]),
    ("color-jitter", ["0", "0.4", "0.4, 0.4,0"]),
    ("pca-noise", ["0", "0.1"]), ("new-classifier", ["true", "False"]),
    ("freeze", ["none", "backbone", "bn", "conv1", "conv1, layer1.0"]),
    ("transfer", ["all", "Last", "head"]), ("train-last", ["1", "1000"]),
    ("lr-backbone", ["0", "0.1", "10"]), ("validation-split", ["1"]),
    ("image-size-schedule", ["none", "128", "96,128@50%", "64,96@1,128@2.5"]),
    ("auto-augment", ["none", "ta_wide", "ra"]), ("ra-magnitude", ["0", "30"]),
    ("random-erase", ["0", "1"]), ("mixup-alpha", ["0", "0.2"]), ("cutmix-alpha", ["0", "1"]),
    ("mix-probability", ["0", "1"]), ("ema-decay", ["0", "0.9999"]), ("ema-steps", ["1", "32"]),
    ("ema-adjust", ["true", "false"]),
    ("warmup-until-error", ["0", "0.8", "1"]), ("recipe", ["he2015-cifar", "Goyal2017"]),
    ("lamb-beta2", ["0", "0.999"]), ("lamb-eps", ["1e-6"]), ("lamb-max-norm", ["0", "1"]),
    ("bce-loss", ["true", "False"]), ("bce-target-thresh", ["0", "0.2"]), ("ra-reps", ["1", "64"]),
    ("warmup-prefix", ["true", "False"]), ("lr-interval", ["iteration", "Epoch"]),
    ("max-image-pixels", ["1", "4294967296"]),
    ("cache-features", ["auto", "On", "off"]),
    ("select", ["last", "Best"]), ("report", ["true", "False"]),
    ("checkpoint-minutes", ["0.1", "30"]), ("on-nan", ["stop", "Skip"]),
    ("verify-every", ["0", "1"]), ("stall-timeout", ["0", "1", "30"]),
    ("task", ["classification", "Detection"]), ("min-size", ["32", "16384"]),
    ("max-size", ["32", "16384"]), ("train-min-sizes", ["none", "480", "480, 512"]),
    ("test-min-sizes", ["none", "200,400"]), ("global-context", ["true", "False"]),
    ("train-set", ["train"]), ("val-set", ["val"]), ("difficult", ["drop", "Keep"]),
    ("strict", ["true", "False"]), ("anchor-sizes", ["32", "32, 64.5"]),
    ("anchor-ratios", ["1", "0.5,2"]), ("rpn-channels", ["1", "4096"]),
    ("rpn-batch-size-per-image", ["1"]), ("rpn-positive-fraction", ["0", "1"]),
    ("rpn-fg-iou-thresh", ["0", "1"]), ("rpn-bg-iou-thresh", ["0", "1"]),
    ("rpn-drop-crossing", ["true", "False"]), ("rpn-pre-nms-top-n-train", ["1"]),
    ("rpn-post-nms-top-n-train", ["1"]), ("rpn-pre-nms-top-n-test", ["1"]),
    ("rpn-post-nms-top-n-test", ["1"]), ("rpn-nms-thresh", ["0", "1"]),
    ("box-batch-size-per-image", ["1"]), ("box-positive-fraction", ["0", "1"]),
    ("box-fg-iou-thresh", ["0", "1"]), ("box-score-thresh", ["0", "1"]),
    ("box-nms-thresh", ["0", "1"]), ("box-detections-per-img", ["1"]),
    ("box-refinement", ["true", "False"]),
    ("roi-pooling", ["roi-align", "RoI-Pool"]), ("roi-size", ["1", "64"]),
    ("rpn-smooth-l1-beta", ["0", "1"]), ("box-smooth-l1-beta", ["0", "0.111"]),
    ("freeze-stages", ["0", "4"]), ("training", ["joint", "Four-Steps", "rpn", "fast-rcnn"]),
    ("proposals-from", ["runs/step1"]), ("fast-rcnn-length", ["0.01", "100"]),
    ("fast-rcnn-batch-size", ["1"]),
    ("max-time", ["0:00:01", "2:30:00", "1-12:00:00", "90m", "1.5h", "2d", "10s"]),
  ]

  static let bad: [(String, [String])] = [
    ("model", [""]), ("shortcut", ["", "D", "AB"]), ("weights", [""]),
    ("dataset", ["", "imagenet", "cifar-10"]), ("data-dir", [""]),
    ("train-limit", ["0", "-1", "1.5", "all"]), ("test-limit", ["0", ""]),
    ("mean", ["", "0.5", "0.5,0.5", "1,2,3,4", "a,b,c", "nan,0,0", "0,,0", "0,inf,0"]),
    ("std", ["", "0,1,1", "-1,1,1", "1,1", "per-pixel", "nan,1,1"]),
    ("crop-padding", ["-1", "65", "four"]), ("flip", ["", "1", "maybe"]),
    ("batch-size", ["0", "-128", "1048577", "12.8", "1e2", "99999999999999999999"]),
    ("shards", ["0", "-8"]), ("accumulate", ["0", "-1", "all"]), ("bn-group-size", ["0", "all"]),
    ("epochs", ["0", "-1", "0.5", "1000000"]),
    ("iterations", ["0", "64k", "1000000000"]), ("lr", ["0", "-0.1", "nan", "inf", "1e999", ""]),
    ("lr-milestones", ["", "half", "-1", "101%", "-1%", "%", "1,,2", "nan", "inf", "nan%"]),
    ("lr-gamma", ["0", "-1", "nan"]), ("lr-reference-batch", ["0", "-256", "25.6", "all"]),
    ("warmup-epochs", ["-1", "nan", "inf", "5%", ""]), ("warmup-iterations", ["-1", "0.5", "1e3"]),
    ("warmup-method", ["", "cosine"]), ("warmup-lr", ["-0.1", "nan", "inf", "low"]),
    ("lr-schedule", ["", "steplr", "one_cycle"]), ("lr-min", ["-1", "nan", "inf"]),
    ("lr-power", ["0", "-1", "nan"]), ("plateau-patience", ["-1", "0.5"]),
    ("plateau-threshold", ["-0.1", "1", "nan"]), ("one-cycle-pct-start", ["-0.1", "1.1", "nan"]),
    ("one-cycle-div-factor", ["0.5", "inf"]), ("one-cycle-final-div-factor", ["0", "nan"]),
    ("optimizer", ["", "adam", "sgd_nesterov"]), ("lars-trust", ["0", "-1", "nan", "inf"]),
    ("lamb-beta2", ["1", "-0.1", "nan"]), ("lamb-eps", ["0", "-1", "nan"]),
    ("lamb-max-norm", ["-1", "nan", "inf"]),
    ("momentum", ["1", "-0.1", "nan"]), ("nesterov", ["", "yes"]),
    ("wd", ["-1e-4", "nan", "inf"]), ("norm-weight-decay", ["-1", "nan"]),
    ("seed", ["-1", "1.0", "18446744073709551616"]), ("threads", ["0", "-2", "two"]),
    ("workers", ["0", "257"]), ("reduction", ["", "ring"]), ("gradient-compression", ["", "fp16"]),
    ("bucket-mb", ["0", "-1", "1025", "nan"]), ("timeline", [""]), ("tensorboard", ["", "1"]),
    ("stall-timeout", ["-1", "0.5", "never"]),
    ("stride-placement", ["", "2x2", "v2"]), ("label-smoothing", ["-0.1", "1", "nan", "little"]),
    ("precision", ["", "fp16", "bf32"]), ("balance", ["", "fast", "1,", "0,1", "-1", "nan"]),
    ("zero-init-residual", ["", "1"]), ("run-dir", [""]),
    ("checkpoint-every", ["0"]),
    ("keep-checkpoints", ["0", "-1"]), ("eval-every", ["0"]),
    ("val-data", [""]), ("image-size", ["0", "big"]), ("train-crop", ["", "rrc"]),
    ("scale", ["0,1", "0.5", "0.5,0.4", "0.5,1.1", "a,b", "nan,1", "0.1,0.2,0.3"]),
    ("ratio", ["0,1", "2,1", "-1,1", "1"]), ("train-scales", ["480,256", "0,4", "256", "1.5,2"]),
    ("val-resize-size", ["0"]), ("val-crop-size", ["-1"]), ("on-bad-image", ["", "ignore"]),
    ("interpolation", ["", "cubic"]), ("exif-transpose", ["", "1"]),
    ("color-jitter", ["-1", "0.4,0.4", "", "a", "nan"]),
    ("pca-noise", ["-0.1", "11", "nan"]), ("new-classifier", ["", "1"]),
    ("freeze", ["", "conv1,,fc", "layer1,"]),
    ("transfer", ["", "none", "everything"]), ("train-last", ["0", "-1", "1001"]),
    ("lr-backbone", ["-0.1", "1001", "nan"]), ("validation-split", ["0", "-1", "10%"]),
    (
      "image-size-schedule",
      ["", "a", "128,96@50%", "64@1,96@2", "64,96", "64,96@x", "0", "64,96@1@2"]
    ),
    ("auto-augment", ["trivial", ""]), ("ra-magnitude", ["-1", "31", "1.5"]),
    ("random-erase", ["-0.1", "1.1", "nan"]), ("mixup-alpha", ["-1", "101", "nan"]),
    ("cutmix-alpha", ["-1", "inf"]), ("mix-probability", ["-0.1", "1.1"]),
    ("ema-decay", ["-0.1", "1", "nan"]), ("ema-steps", ["0", "1.5"]), ("ema-adjust", ["", "yes"]),
    ("warmup-until-error", ["-0.1", "1.1", "80%"]), ("recipe", ["", "he2016"]),
    ("bce-loss", ["", "1"]), ("bce-target-thresh", ["-0.1", "1", "nan"]),
    ("ra-reps", ["0", "65", "1.5"]), ("cache-features", ["", "yes"]),
    ("max-image-pixels", ["0", "-1", "1e9", "all"]),
    ("warmup-prefix", ["", "1"]), ("lr-interval", ["", "step"]), ("select", ["", "worst"]),
    ("report", ["", "yes"]), ("prometheus-file", [""]),
    ("checkpoint-minutes", ["0", "-1", "nan"]), ("on-nan", ["", "ignore"]),
    ("verify-every", ["-1", "1.5"]),
    ("task", ["", "segmentation"]), ("min-size", ["31", "16385", "600,800"]),
    ("max-size", ["31", "big"]), ("train-min-sizes", ["", "31", "480,", "480.5"]),
    ("test-min-sizes", ["", "16"]), ("global-context", ["", "1"]),
    ("train-set", [""]), ("val-set", [""]), ("difficult", ["", "ignore"]), ("strict", ["", "1"]),
    ("anchor-sizes", ["", "0", "-1", "32,", "nan", "1e300"]),
    ("anchor-ratios", ["", "0", "1:2", "1e-300"]),
    ("rpn-channels", ["0", "4097"]), ("rpn-batch-size-per-image", ["0", "65537"]),
    ("rpn-positive-fraction", ["-0.1", "1.1"]), ("rpn-fg-iou-thresh", ["-0.1", "1.1", "nan"]),
    ("rpn-bg-iou-thresh", ["-0.1", "1.1"]), ("rpn-drop-crossing", ["", "1"]),
    ("rpn-pre-nms-top-n-train", ["0"]), ("rpn-post-nms-top-n-train", ["0"]),
    ("rpn-pre-nms-top-n-test", ["0"]), ("rpn-post-nms-top-n-test", ["0"]),
    ("rpn-nms-thresh", ["-1", "2"]), ("box-batch-size-per-image", ["0"]),
    ("box-positive-fraction", ["-1", "2"]), ("box-fg-iou-thresh", ["-1", "2"]),
    ("box-score-thresh", ["-1", "5%"]), ("box-nms-thresh", ["-1", "2"]),
    ("box-detections-per-img", ["0"]), ("box-refinement", ["", "1"]),
    ("roi-pooling", ["", "align"]), ("roi-size", ["0", "65"]),
    ("rpn-smooth-l1-beta", ["-1", "nan"]), ("box-smooth-l1-beta", ["-1", "inf"]),
    ("freeze-stages", ["-1", "5"]), ("training", ["", "alternating"]), ("proposals-from", [""]),
    ("fast-rcnn-length", ["0", "101", "nan"]),
    ("fast-rcnn-batch-size", ["0", "1.5", "5000000000"]),
    (
      "max-time",
      ["", "0", "90", "0s", "2:30", "1:60:00", "1:00:60", "-1:00:00", "1h30m", "x-1:00:00"]
    ),
  ]

  @Test("values inside the limits are taken", arguments: good)
  func accepted(key: String, values: [String]) throws {
    for value in values {
      #expect(throws: Never.self, "\(key) \(value)") {
        try TrainingConfiguration([(key, value)])
      }
    }
  }

  @Test("values outside are refused with flag, value and what is expected", arguments: bad)
  func refused(key: String, values: [String]) {
    for value in values {
      do {
        _ = try TrainingConfiguration([(key, value)])
        Issue.record("--\(key) \(value) was taken")
      } catch {
        guard case .badValue(key, value, let expected, .commandLine) = error
        else {
          Issue.record("\(error)")
          continue
        }
        #expect("\(error)" == "--\(key) \(value): expected \(expected)")
        #expect(!expected.isEmpty)
      }
    }
  }

  @Test("times in all spellings mean the same")
  func times() throws {
    for text in ["36:00:00", "1-12:00:00", "36h", "1.5d", "2160m", "129600s"] {
      let configuration = try TrainingConfiguration([("max-time", text)])
      #expect(configuration.run.maximumTime == 129_600, "\(text)")
      #expect(configuration.values.contains { $0 == ("max-time", "36:00:00") })
    }
  }

  @Test("every key has values that are refused")
  func complete() {
    let keys =
      ConfigurationCodingTests.everything.map(\.key) + [
        "epochs", "warmup-epochs", "warmup-until-error",
      ]
    #expect(Set(Self.bad.map(\.0)) == Set(keys))
  }
}
