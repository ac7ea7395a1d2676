/// Rates that change between epochs only, as PyTorch's and timm's training scripts step their schedulers.

/// A schedule of which each epoch has the rate of its first step.
package struct EpochwiseSchedule: ScheduleAdjustment {
  package internal(set) var schedule: any LearningRateSchedule
  /// Of an epoch and of a step.
  package let images: Int
  package let batchSize: Int

  package init(_ schedule: any LearningRateSchedule, images: Int, batchSize: Int) {
    (self.schedule, self.images, self.batchSize) = (schedule, images, batchSize)
  }

  package var summary: String { schedule.summary + "\nthe rate changes between epochs only" }

  package func rate(afterSteps step: Int) -> Double {
    let epoch = step * batchSize / images
    // The first step that begins with so many whole epochs seen.
    return schedule.rate(afterSteps: (epoch * images + batchSize - 1) / batchSize)
  }
}
