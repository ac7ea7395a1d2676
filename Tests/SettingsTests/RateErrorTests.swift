/// Learning rates that cannot be trained with.

import Optimizers
import Settings
import Testing

@Suite struct RateErrorTests {
  private func check(_ changes: ConfigurationChanges) throws {
    try changes.applied(to: TrainingConfiguration()).checkRates()
  }

  @Test("rates that grow where they should fall, or are no numbers, are refused")
  func mistakes() {
    #expect(throws: RateError.notFinite) {
      try check([
        .init(\.schedule.learningRate, 1e308), .init(\.schedule.learningRateReferenceBatch, 1),
      ])
    }
    for name in [ScheduleName.cosine, .polynomial, .plateau] {
      #expect(throws: RateError.lowestAbove(lowest: 0.5, rate: 0.1)) {
        try check([.init(\.schedule.name, name), .init(\.schedule.minimum, 0.5)])
      }
    }
    #expect(throws: RateError.warmUpAbove(start: 0.005, rate: 0.001)) {
      try check(Recipe.torchvisionV2.changes + [.init(\.schedule.learningRate, 0.001)])
    }
  }

  @Test("every recipe's rates are accepted, and a lowest rate that the schedule does not use")
  func accepted() throws {
    for recipe in Recipe.allCases { try check(recipe.changes) }
    try check([.init(\.schedule.minimum, 0.5)])
  }
}
