/// `resnet-dist detect`: object detection.

import ArgumentParser

struct DetectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "detect",
    abstract: "Train and test Faster R-CNN on a residual network (He et al. 2015, appendix A).",
    discussion: """
      Data are a VOC folder (Annotations, ImageSets/Main, JPEGImages) or a COCO one (annotations/*.json beside \
      the folders of images); the format is detected.

        mpirun -n 8 resnet-dist detect train --data-dir VOC2007 \\
            --weights resnet50.safetensors
        resnet-dist detect eval --weights runs/NAME --data-dir VOC2007
        resnet-dist detect predict --weights runs/NAME --output-dir drawn photos/
      """,
    subcommands: [
      DetectTrainCommand.self, DetectEvalCommand.self, DetectPredictCommand.self,
      DetectScoreCommand.self, DetectDoctorCommand.self,
    ])
}

/// The detector that is tested.
struct DetectorOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A run folder of 'detect train', a checkpoint, or a file with a detector's weights.",
      valueName: "path"), completion: .file())
  var weights: String
}
