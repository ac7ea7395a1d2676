/// What `detect train` makes of the settings of all training: its defaults, its words for them, and which it has.

import Detection
import Distributed
import Settings

/// A group of settings as `detect train` has it.
enum OfDetectors<Group: SettingGroup>: SettingGroup {
  static var title: String { Group.title }
  static var settings: [Setting] {
    Group.settings.map { $0.inDetectorsWords.based(on: DetectionTrainingSelection.base) }
  }
}

/// All settings that `detect train` has.
enum DetectionTrainingSelection {
  /// What applies where neither a recipe nor the user says otherwise.
  static let base = Recipe.fasterRCNN.changes

  private static let keys = Set(
    [
      DetectionCommonSelection.settings, DetectionSelection.settings,
      DetectionScheduleSelection.settings, RareSettings<OptimizerSettings>.settings,
      DetectionDataSelection.settings, DetectionParallelSelection.settings,
      DetectionRunSelection.settings, filledIn,
    ].joined().map(\.key))

  /// What the run itself sets: an image is a shard.
  private static let filledIn = selection(\.parallel.shards)

  /// Refuses what would change nothing, also in a file.
  ///
  /// - Throws: `UnusedSetting`.
  static func check(_ configuration: TrainingConfiguration) throws(UnusedSetting) {
    let usual = base.applied(to: TrainingConfiguration())
    for setting in TrainingConfiguration.settings where !keys.contains(setting.key) {
      if let value = setting.text(configuration), value != setting.text(usual) {
        throw UnusedSetting(key: setting.key)
      }
    }
  }
}

/// A setting that a detector's training does not have.
struct UnusedSetting: UsageError, CustomStringConvertible {
  let key: String

  var description: String { "--\(key) is not for detectors: \(remedy)" }

  private var remedy: String {
    switch key {
    case "threads", "workers":
      "each rank reads and trains an image at a time, on one thread; use more ranks (mpirun -n), up to --batch-size"
    case "warmup-until-error":
      "they have no training error; use --warmup-iterations or --warmup-epochs"
    case "select", "validation-split":
      "epochs are evaluated on --val-set, and RUN/best is the best of them"
    default: "leave it out"
    }
  }
}

extension Setting {
  /// The setting in the help of `detect`, where classification's words would mislead.
  var inDetectorsWords: Setting {
    switch key {
    case "model":
      described(
        "The backbone: resnet18, 34, 50, 101, 152, plain18, 34, resnext50_32x4d, seresnet50 and the like."
      )
    case "weights":
      described(
        "Weights to start from: a classifier's, for the backbone, or a detector's; a run folder, a checkpoint, or "
          + "a .safetensors or .pth file with torchvision's names.")
    case "data-dir":
      described(
        "A VOC folder, or a COCO one; 'detect --help' says what they hold.", hasDefault: false)
    case "val-data": described("Where the images of --val-set are, if not in --data-dir.")
    case "test-limit": described("Use only the first N images of --val-set.")
    case "recipe":
      described(
        "Published settings instead of the defaults; --config and flags win over them. 'resnet-dist recipes' "
          + "shows each: \(Recipe.names(for: .detection)).")
    case "mean":
      described(
        "What is subtracted from pixel/255: R,G,B, or none; auto is that of the weights, else ImageNet's."
      )
    case "std":
      described(
        "The standard deviation that pixels are divided by: R,G,B, or none; auto as for --mean.")
    case "max-image-pixels": described("The largest image that is decoded.")
    case "norm-weight-decay": described("With lamb: weight decay of biases. BN is fixed.")
    case "lr-backbone":
      described(
        "The learning rate of the backbone, layer4 included, as a factor of --lr; proposals and boxes have --lr."
      )
    case "plateau-patience":
      described("plateau: evaluations without a higher AP that are tolerated.")
    case "plateau-threshold":
      described("plateau: how much lower, relative to the best, 1 - AP must be.")
    case "accumulate":
      described("Train the mini-batch in N parts, one after the other, with one update.")
    default: self
    }
  }
}
