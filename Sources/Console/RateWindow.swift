/// The speed of the last seconds, so that a slow start or a pause does not weigh on it for long.

/// Keeps one sample per tenth of a second over `span`.
struct RateWindow {
  private struct Sample {
    var time: Duration
    var steps: Int
    var images: Int
  }

  let span: Duration
  private var samples: [Sample]

  init(span: Duration = .seconds(10), start: Duration, steps: Int, images: Int) {
    self.span = span
    samples = [Sample(time: start, steps: steps, images: images)]
  }

  /// Notes that `steps` steps and `images` images are done at `time`.
  mutating func add(time: Duration, steps: Int, images: Int) {
    let sample = Sample(time: time, steps: steps, images: images)
    if samples.count > 1, time - samples[samples.count - 2].time < .milliseconds(100) {
      samples[samples.count - 1] = sample
    } else {
      samples.append(sample)
    }
    // The oldest kept sample is the last one at or before the window's beginning.
    while samples.count > 2, time - samples[1].time >= span { samples.removeFirst() }
  }

  /// Images per second, nil before any time has passed.
  var imagesPerSecond: Double? { rate(of: \.images) }
  /// Steps per second, nil before any time has passed.
  var stepsPerSecond: Double? { rate(of: \.steps) }

  private func rate(of count: KeyPath<Sample, Int>) -> Double? {
    let (first, last) = (samples[0], samples[samples.count - 1])
    let seconds = (last.time - first.time).seconds
    return seconds > 0 ? Double(last[keyPath: count] - first[keyPath: count]) / seconds : nil
  }
}
