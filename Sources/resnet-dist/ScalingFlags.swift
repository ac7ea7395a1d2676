/// Flags of `resnet-dist bench --predict`.

import ArgumentParser
import Benchmarks
import Settings

struct ScalingFlags: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "Measure the step here, and predict how long it takes on more hosts like this one, with as many "
        + "ranks each as run now. Takes --ranks, --latency and --bandwidth."))
  var predict = false

  @Option(
    help: ArgumentHelp("Ranks of the runs to predict, with commas.", valueName: "8,64,512"))
  var ranks: String?

  @Option(
    help: ArgumentHelp(
      "Global mini-batches to predict, with commas; those that the ranks cannot hold at once are "
        + "taken in parts. (default: the images of a rank in --batch-size times the ranks)",
      valueName: "256,8192"))
  var batchSizes: String?

  @Option(help: ArgumentHelp("Latency between two hosts.", valueName: "50us"))
  var latency: String?

  @Option(help: ArgumentHelp("Bandwidth of a host's link.", valueName: "10Gbit"))
  var bandwidth: String?

  func validate() throws {
    let values = [
      ("--ranks", ranks), ("--batch-sizes", batchSizes), ("--latency", latency),
      ("--bandwidth", bandwidth),
    ]
    guard predict else {
      if let (flag, _) = values.first(where: { $0.1 != nil }) {
        throw ValidationError("\(flag) says what to predict: use it with --predict")
      }
      return
    }
    for (flag, value) in values where value == nil && flag != "--batch-sizes" {
      throw ValidationError(
        "--predict needs \(flag), as in --ranks 8,64 --latency 50us --bandwidth 10Gbit")
    }
    for (flag, value) in values.prefix(2) {
      if let value, Self.counts(value) == nil {
        throw ValidationError("\(flag) \(value): expected numbers from 1 to 1000000 with commas")
      }
    }
    if let latency, NetworkQuantity.latency(latency) == nil {
      throw ValidationError("--latency \(latency): expected \(NetworkQuantity.latencyExample)")
    }
    if let bandwidth, NetworkQuantity.bandwidth(bandwidth) == nil {
      throw ValidationError(
        "--bandwidth \(bandwidth): expected \(NetworkQuantity.bandwidthExample)")
    }
  }

  /// Nil without `--predict`.
  var scenario: ScalingStudy.Scenario? {
    guard predict, let ranks = ranks.flatMap(Self.counts),
      let latency = latency.flatMap(NetworkQuantity.latency),
      let bandwidth = bandwidth.flatMap(NetworkQuantity.bandwidth)
    else { return nil }
    return .init(
      ranks: ranks, batchSizes: batchSizes.flatMap(Self.counts) ?? [], latency: latency,
      bandwidth: bandwidth)
  }

  private static func counts(_ text: String) -> [Int]? {
    let counts = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    return counts.allSatisfy { $0.map((1...1_000_000).contains) ?? false }
      ? counts.compactMap(\.self) : nil
  }
}
