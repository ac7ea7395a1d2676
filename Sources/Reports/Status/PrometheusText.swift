/// A run's status as metrics in Prometheus's text format, for node_exporter's textfile collector.

import Foundation

/// Names and units by Prometheus's conventions: base units, `_total` for what only grows, `_info` for names.
package enum PrometheusText {
  private enum Kind: String { case counter, gauge }

  /// - Parameter run: the run's name, a label of every sample, so that the files of several runs on a host
  ///   do not collide.
  package static func text(_ status: RunStatus, run: String) -> String {
    var text = ""
    func add(
      _ name: String, _ kind: Kind, _ help: String,
      _ samples: [(labels: [(String, String)], value: Double?)]
    ) {
      let known = samples.compactMap { sample in
        sample.value.flatMap { $0.isFinite ? (sample.labels, $0) : nil }
      }
      if known.isEmpty { return }
      text += "# HELP resnet_dist_\(name) \(help)\n# TYPE resnet_dist_\(name) \(kind.rawValue)\n"
      for (labels, value) in known {
        let all = ([("run", run)] + labels).map { "\($0)=\"\(escaped($1))\"" }
        text += "resnet_dist_\(name){\(all.joined(separator: ","))} \(number(value))\n"
      }
    }
    func add(_ name: String, _ kind: Kind, _ help: String, _ value: Double?) {
      add(name, kind, help, [([], value)])
    }

    add(
      "run_info", .gauge, "The run's network, data set and host.",
      [
        (
          [("model", status.model), ("dataset", status.dataset), ("host", status.host)], 1.0
        )
      ])
    add(
      "run_state", .gauge, "1 for the state that the run is in, 0 for the others.",
      RunStatus.State.allCases.map {
        ([("state", $0.rawValue)], $0 == status.state ? 1.0 : 0)
      })
    add("run_start_time_seconds", .gauge, "When rank 0 began, since 1970.", status.startTime)
    add(
      "run_update_time_seconds", .gauge, "When these figures were written, since 1970.",
      status.updateTime)
    add("run_ranks", .gauge, "Processes of the run.", Double(status.ranks))
    add("run_hosts", .gauge, "Machines of the run.", Double(status.hosts))
    add("run_threads_per_rank", .gauge, "Threads of rank 0.", Double(status.threads))
    add("steps_total", .counter, "Training steps done.", Double(status.step))
    add("run_steps", .gauge, "Training steps of the whole run.", Double(status.steps))
    add("images_total", .counter, "Training images of all steps done.", Double(status.images))
    add("epoch", .gauge, "The present epoch, from 1 on.", Double(status.epoch))
    add("run_epochs", .gauge, "Epochs of the whole run.", Double(status.epochs))
    add(
      "loss", .gauge, "Mean loss: of the present epoch's training images, of the last evaluation.",
      [
        ([("split", "train")], status.loss),
        ([("split", status.evaluationSplit)], status.evaluationLoss),
      ])
    add(
      "top1_error_ratio", .gauge,
      "Images whose first guess is wrong, of the present epoch and of the last evaluation.",
      [
        ([("split", "train")], status.top1Error),
        ([("split", status.evaluationSplit)], status.evaluationTop1Error),
      ])
    add("learning_rate", .gauge, "Of the last step.", status.learningRate)
    add(
      "images_per_second", .gauge, "Training images a second, of the last seconds.",
      status.imagesPerSecond)
    add(
      "training_seconds_total", .counter, "Seconds of training, without evaluations.",
      status.trainingSeconds)
    add(
      "remaining_seconds", .gauge, "Seconds of training until the run's end, as it is going.",
      status.remainingSeconds)
    add(
      "checkpoint_step", .gauge, "Steps done at the newest checkpoint on disk.",
      status.checkpointStep.map(Double.init))
    add(
      "checkpoint_time_seconds", .gauge, "When the newest checkpoint was on disk, since 1970.",
      status.checkpointTime)
    add(
      "skipped_steps_total", .counter, "Steps left out because a loss or gradient was no number.",
      Double(status.skippedSteps))
    add(
      "bad_images_total", .counter, "Images that could not be read and were replaced.",
      Double(status.badImages))
    add(
      "peak_resident_bytes", .gauge, "The largest memory of rank 0 so far.",
      Double(status.peakResidentBytes))
    return text
  }

  private static func number(_ value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
  }

  private static func escaped(_ value: String) -> String {
    value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }
}
