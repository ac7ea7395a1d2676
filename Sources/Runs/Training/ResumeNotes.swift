/// What a resumed run says at its start: what it changes, and which checkpoints it could not use.

import Distributed
import Settings
import Tensors

enum ResumeNotes {
  /// The lines of a resumed run; none of a new one.
  ///
  /// - Parameter images: of the training.
  static func lines(
    _ configuration: TrainingConfiguration, images: Int, _ timeline: TrainingTimeline,
    _ start: StartingPoint
  ) -> [String] {
    guard let resume = start.resume else { return [] }
    guard let checkpoint = resume.checkpoint else {
      return ["note: \(resume.run) was stopped before its first checkpoint, so it begins again"]
    }
    var lines = resume.damaged.map {
      "note: \($0.path) is damaged (\($0.reason)); "
        + (resume.isNamed ? "it is set aside" : "resumed from \(checkpoint) instead")
    }
    if let earlier = start.earlier {
      let changes = configuration.differences(from: earlier)
        .filter(\.setting.effect.decidesTraining)
        .map { "\($0.setting.key) \($0.old) → \($0.new)" }
      if !changes.isEmpty {
        lines.append(
          "note: from step \((start.step + 1).grouped) on: \(changes.joined(separator: ", "))")
      }
      let old = earlier.learningRateSchedule(
        TrainingTimeline(earlier, images: images)
      ).summary
      let new = start.progress.schedule.summary
      if old != new { lines.append("note: the schedule was \(old) and is \(new)") }
    }
    let steps = timeline.steps
    if start.step >= steps, !start.progress.isEvaluationPending {
      lines.append(
        "note: this run is finished (step \(start.step.grouped) of \(steps.grouped)) and is only tested "
          + "again; a larger --epochs or --iterations continues it")
    }
    return lines
  }
}
