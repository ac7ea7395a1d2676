/// Names of learning-rate schedules.

import Settings
import Testing

@Suite struct ScheduleNameTests {
  @Test(
    "PyTorch's and timm's names for the same rates are taken, others are not",
    arguments: [
      ("step", ScheduleName.step), ("MultiStepLR", .step), ("multistep", .step),
      ("cosineannealinglr", .cosine), ("one-cycle", .oneCycle),
    ])
  func names(text: String, name: ScheduleName) throws {
    let changes = try ConfigurationChanges(parsing: [.init("lr-scheduler", text)])
    #expect(changes.applied(to: TrainingConfiguration()).schedule.name == name)
    #expect(throws: ConfigurationError.self) {
      // Drops after every so many epochs, which step does not know.
      try ConfigurationChanges(parsing: [.init("lr-scheduler", "steplr")])
    }
  }
}
