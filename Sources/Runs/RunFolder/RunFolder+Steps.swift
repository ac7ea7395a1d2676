/// The folder of a training in four steps: its configuration and result, and a run folder for each step.
///
///     config.yaml     every value of the training, from which those of the steps follow
///     step1 … step4   the run folders of the steps
///     result.json     that of the last step, once all are finished
///     report.html     a page with the curves of each step

import Foundation
import Settings
import System

extension RunFolder {
  /// Whether the folder at `path` is of a training in steps that has begun.
  static func hasSteps(in path: String) -> Bool {
    DirectoryListing.isFolder("\(path)/\(FourStepTraining.proposals.folderName)")
  }

  /// The first step in the folder at `path` that is not finished; nil: all are.
  static func unfinishedStep(in path: String) -> FourStepTraining? {
    FourStepTraining.allCases.first { step in
      !FileManager.default.fileExists(atPath: resultPath(in: "\(path)/\(step.folderName)"))
    }
  }

  /// The run folder whose weights are those of the training at `path`: the last step's, where it has steps.
  static func resultingRun(_ path: String) -> String {
    hasSteps(in: path) ? "\(path)/\(FourStepTraining.regionsOnSharedLayers.folderName)" : path
  }
}
