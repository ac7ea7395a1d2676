/// The learning rates of PyTorch's schedulers: `Oracles/optimizers/make_schedules.py`.

import Foundation
import Optimizers
import TestSupport
import Testing

/// One scheduler's rates.
struct SchedulerFixture: Decodable {
  let arguments: [String: Double]
  /// The error after each step, for the plateau's scheduler.
  let errors: [Double]
  let rates: [Double]

  init(_ name: String) throws {
    let path = Bundle.module.resourcePath! + "/Fixtures/schedules.json"
    let all = try JSONDecoder().decode(
      [String: Self].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    self = try #require(all[name])
  }

  subscript(_ argument: String) -> Double { arguments[argument]! }

  /// Expects the scheduler's rates of `schedule`, which hears of the errors.
  func expectRates(
    of schedule: any LearningRateSchedule, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var schedule = schedule
    let found = rates.indices.map { step in
      let rate = schedule.rate(afterSteps: step)
      if !errors.isEmpty { schedule.observe(error: errors[step]) }
      return rate
    }
    #expect(
      relativeError(found, rates) < 1e-12, "\(found), expected \(rates)",
      sourceLocation: sourceLocation)
  }
}
