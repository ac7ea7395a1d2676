/// What normalization sums over all BN groups: γ's and β's gradients and the new running statistics.

import Tensors

/// Takes each BN group's numbers from the layers in the course of a training pass, and sums them over
/// groups, ranks and micro-batches after it.
///
/// No layer needs the sums, so BN groups that lie inside a rank or a host exchange nothing in the layers
/// and everything once here. Of each group the rank that holds its first shard gives the numbers; the
/// sum is the tree's over all shards, the others being zeros.
final class NormalizationSums {
  /// The weight of a new mini-batch in the running statistics (PyTorch's `momentum`).
  private static let momentum: Float = 0.1

  private let parameterLayout: ParameterLayout
  private let groups: Int
  /// Of the whole mini-batch; nil where one BN group is that, which every rank knows.
  private let rule: StatisticsRule?
  /// The local shard that begins each local group; nil where another rank has it.
  private let rows: [Int?]
  /// [local shards, width], or [1, width] of the only group: gradients, then means and unbiased variances,
  /// each in the layout's order.
  private let values: AlignedBuffer<Double>
  private let total: AlignedBuffer<Double>
  private var sums: PartialSums<Double>?

  private var width: Int { parameterLayout.normalizationTotals }

  init(_ parameterLayout: ParameterLayout, _ division: NormalizationGroups) {
    let width = parameterLayout.normalizationTotals
    self.parameterLayout = parameterLayout
    groups = division.groups.count
    let shards = division.layout.localShards
    let isWhole = groups == 1
    rule =
      isWhole
      ? nil
      : StatisticsRule(
        .sums, width: width, division: NormalizationGroups(whole: division.layout))
    rows = division.localGroups.map { group in
      let first = division.groups[group].lowerBound
      return isWhole ? 0 : shards.contains(first) ? first - shards.lowerBound : nil
    }
    values = AlignedBuffer(count: (isWhole ? 1 : shards.count) * width)
    total = AlignedBuffer(count: isWhole ? 0 : width)
  }

  /// Before a training pass.
  func begin() { values.elements.update(repeating: 0) }

  /// The gradients of a local group, by index in the normalization region; nil where another rank gives
  /// them.
  func gradients(ofGroup group: Int) -> UnsafeMutablePointer<Double>? {
    rows[group].map { values.pointer + $0 * width }
  }

  /// The same of the means and unbiased variances, by index in the running statistics.
  func statistics(ofGroup group: Int) -> UnsafeMutablePointer<Double>? {
    gradients(ofGroup: group).map { $0 + parameterLayout.normalization.count }
  }

  /// After a training pass: with the last micro-batch the gradients and running statistics are written.
  func finish(_ pass: PassContext) throws {
    let (workspace, part) = (pass.workspace, pass.microBatch)
    if width == 0 { return }
    if let rule {
      rule.mergeLocalShards(values.view)
      try workspace.exchange.combine(VectorView(values.view), into: total.view, by: rule)
    }
    let sums = partialSums(parts: part.count)
    let whole = VectorView(rule == nil ? values.view : total.view)
    sums.take(whole[0..<width], part: part.index)
    guard part.isLast else { return }
    let normalization = parameterLayout.normalization
    let gradients = workspace.nodeGradient(0) + normalization.lowerBound
    for index in 0..<normalization.count { gradients[index] = Float(sums.total[index]) }
    let count = Double(groups * part.count)
    let running = workspace.runningStatistics
    let means = sums.total[normalization.count..<width]
    for index in 0..<parameterLayout.trainedStatisticsCount {
      running[index] =
        (1 - Self.momentum) * running[index] + Self.momentum * Float(means[index] / count)
    }
  }

  private func partialSums(parts: Int) -> PartialSums<Double> {
    if let sums, sums.parts == parts { return sums }
    let sums = PartialSums<Double>(parts: parts, count: width) { into, from in
      for index in 0..<into.count { into[index] += from[index] }
    }
    self.sums = sums
    return sums
  }
}
