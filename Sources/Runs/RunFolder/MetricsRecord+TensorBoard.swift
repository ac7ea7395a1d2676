/// The curves that TensorBoard shows of a run.

import TensorBoard

extension MetricsRecord {
  /// The figures under TensorBoard's tags: those of a split in a group of its name; errors are fractions.
  ///
  /// Learning rate and speed are the training's. What is a mean of no images has no point.
  package var scalars: [Event.Scalar] {
    let group = split.rawValue
    var scalars: [Event.Scalar] = []
    if images > 0 {
      if let loss { scalars.append(Event.Scalar("\(group)/loss", loss)) }
      if let top1Error { scalars.append(Event.Scalar("\(group)/error", top1Error)) }
      if let top5Error { scalars.append(Event.Scalar("\(group)/top5_error", top5Error)) }
      scalars += figures.map { Event.Scalar("\(group)/\($0.name)", $0.value) }
    }
    if split == .train {
      scalars += [Event.Scalar("lr", learningRate), Event.Scalar("images_per_s", imagesPerSecond)]
    }
    return scalars
  }
}
