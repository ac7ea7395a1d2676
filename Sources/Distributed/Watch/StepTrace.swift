/// A training step as a sequence of computations and exchanges with other hosts.

/// One rank's pass over its images of a micro-batch, and the update.
package struct StepTrace: Equatable {
  package enum Event: Equatable {
    /// Seconds in which the rank computes, or waits for ranks of its own host.
    case compute(Double)
    /// A layer's statistics of `width` numbers a BN group are exchanged between hosts that share groups.
    case statistics(width: Int)
    /// `width` numbers are summed over the mini-batch; all hosts wait for the result.
    case total(width: Int)
    /// The first `count` elements of the weights region are complete.
    case completed(count: Int)
  }

  /// Forward, backward and the wait for the gradients.
  package var pass: [Event]
  /// Seconds of the optimizer's step.
  package var update: Double

  package init(pass: [Event], update: Double) {
    self.pass = pass
    self.update = update
  }

  /// The same with several BN groups: `width` more numbers are summed after the layers.
  package func withTotals(width: Int) -> StepTrace {
    var trace = self
    let end = pass.firstIndex { if case .total = $0 { true } else { false } } ?? pass.count
    trace.pass.insert(.total(width: width), at: end)
    return trace
  }

  /// Seconds of the pass without other hosts.
  package var passSeconds: Double {
    pass.reduce(0) { sum, event in
      if case .compute(let seconds) = event { sum + seconds } else { sum }
    }
  }

  /// The trace of the same rank with `images` images, by the line through two measurements.
  ///
  /// A computation takes fixed seconds and seconds for each image, neither of them negative.
  /// - Parameters:
  ///   - less: a trace of fewer images than `more`, with the same events.
  package static func interpolated(
    images: Double, _ less: (images: Double, trace: StepTrace),
    _ more: (images: Double, trace: StepTrace)
  ) -> StepTrace {
    precondition(less.images < more.images, "two measurements make a line")
    precondition(less.trace.pass.count == more.trace.pass.count, "steps of different networks")
    let pass = zip(less.trace.pass, more.trace.pass).map { less_, more_ -> Event in
      guard case .compute(let few) = less_, case .compute(let many) = more_ else {
        precondition(less_ == more_, "steps of different networks")
        return less_
      }
      let each = max(0, (many - few) / (more.images - less.images))
      let fixed = max(0, many - each * more.images)
      return .compute(fixed + (many - fixed) * images / more.images)
    }
    return StepTrace(pass: pass, update: more.trace.update)
  }
}
