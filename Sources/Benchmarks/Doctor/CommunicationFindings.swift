/// What `doctor` thinks of how ranks reach each other.

import Console
import Foundation

extension Examination {
  var communicationFindings: [Finding] {
    [program, transport] + linkFindings + [sum, waiting, clock].compactMap(\.self)
  }

  private var program: Finding {
    let first = ranks[0].programSha256
    if let other = ranks.indices.first(where: { ranks[$0].programSha256 != first }) {
      return Finding(
        .problem, "program",
        "rank \(other) on \(ranks[other].host) runs another build of resnet-dist than rank 0 on "
          + "\(ranks[0].host)",
        remedy: "install the same one everywhere, under the same path")
    }
    return Finding(
      .ok, "program",
      (ranks.count == 1 ? "" : "the same on all ranks, ") + "sha256 \(first.prefix(12))")
  }

  private var transport: Finding {
    let parts = Set(ranks.flatMap(\.transports)).sorted()
    let text = mpiLibrary + (parts.isEmpty ? "" : ": " + parts.joined(separator: ", "))
    var sharesMemory = ["btl_vader", "pml_ucx", "mtl_ofi", "mtl_psm2", "pml_cm"]
    // Before Open MPI 5 a component of this name only says that vader took its place.
    if mpiVersion >= 5 { sharesMemory.append("btl_sm") }
    if hosts.contains(where: { $0.ranks.count > 1 }), !parts.isEmpty,
      parts.allSatisfy({ !sharesMemory.contains($0) })
    {
      return Finding(
        .warning, "MPI", text + ": ranks of one machine talk over the network",
        remedy: "leave out the --mca btl that excludes vader, or add vader to it")
    }
    return Finding(.ok, "MPI", text)
  }

  /// The first part of Open MPI's version; 0 where it does not say.
  private var mpiVersion: Int {
    mpiLibrary.firstMatch(of: /Open MPI v(\d+)/).flatMap { Int($0.1) } ?? 0
  }

  private func isInside(_ link: Link) -> Bool { ranks[link.from].host == ranks[link.to].host }

  private var linkFindings: [Finding] {
    [memoryLinks(links.filter(isInside)), networkLinks(links.filter { !isInside($0) })]
      .compactMap(\.self)
  }

  /// Pairs of ranks of a host.
  private func memoryLinks(_ links: [Link]) -> Finding? {
    guard let worst = Extremes(links) else { return nil }
    let isOversubscribed = hosts.contains { threads(of: $0) > processors(of: $0).count }
    guard !isOversubscribed, let link = worst.slowerThan(bandwidth: 0.5e9, latency: 50e-6) else {
      return Finding(.ok, "in a host", figures(worst))
    }
    return Finding(
      .note, "in a host", figures(worst) + ", slow for shared memory: " + names(link),
      remedy: "other processes on its cores, or a sandbox without process_vm_readv "
        + "(launch/environment finds out)")
  }

  /// Pairs of hosts. A link below 1 Gbit/s is slow.
  private func networkLinks(_ links: [Link]) -> Finding? {
    guard let worst = Extremes(links) else { return nil }
    if let link = worst.slowerThan(bandwidth: 0.2e9, latency: 200e-6) {
      return Finding(
        .warning, "network", figures(worst) + ": " + names(link),
        remedy:
          "if the hosts have a faster network, choose it (mpirun --mca btl_tcp_if_include); else "
          + "larger mini-batches and --gradient-compression bf16")
    }
    if worst.slow.bytesPerSecond < worst.fastest / 3 {
      return Finding(
        .warning, "network",
        figures(worst) + ", a third of the fastest or less: \(names(worst.slow))",
        remedy: "look at that host's cable, switch and interface")
    }
    return Finding(.ok, "network", figures(worst))
  }

  /// The worst of some pairs.
  private struct Extremes {
    let count: Int
    /// With the lowest bandwidth.
    let slow: Link
    /// With the highest latency.
    let late: Link
    /// The highest bandwidth, in bytes a second.
    let fastest: Double

    /// Nil of no pairs.
    init?(_ links: [Link]) {
      guard let slow = links.min(by: { $0.bytesPerSecond < $1.bytesPerSecond }),
        let late = links.max(by: { $0.latencySeconds < $1.latencySeconds })
      else { return nil }
      (count, self.slow, self.late) = (links.count, slow, late)
      fastest = links.map(\.bytesPerSecond).max()!
    }

    /// One below this bandwidth, in bytes a second, else one above this latency, in seconds; nil: none.
    func slowerThan(bandwidth: Double, latency: Double) -> Link? {
      if slow.bytesPerSecond < bandwidth { return slow }
      return late.latencySeconds > latency ? late : nil
    }
  }

  private func figures(_ worst: Extremes) -> String {
    "\(Self.microseconds(worst.late.latencySeconds)), \(Self.rate(worst.slow.bytesPerSecond))"
      + (worst.count > 1 ? ", the slowest of \(worst.count) pairs" : "")
  }

  private func names(_ link: Link) -> String {
    "ranks \(link.from) and \(link.to) (\(ranks[link.from].host), \(ranks[link.to].host))"
  }

  private var sum: Finding? {
    allReduce.map {
      Finding(
        .ok, "all-reduce",
        "\(NumberFormat.bytes($0.bytes)) over \(ranks.count) ranks in \(Self.milliseconds($0.seconds))"
      )
    }
  }

  /// What a step waits for other ranks.
  private var waiting: Finding? {
    guard ranks.count > 1, let step else { return nil }
    let share = (step.parts.statisticsWait + step.parts.gradientWait) / step.stepSeconds
    let text =
      "\(NumberFormat.percent(min(1, share), decimals: 0)) of a step of \(Self.milliseconds(step.stepSeconds)) is "
      + "waiting for other ranks"
    return share < 0.3
      ? Finding(.ok, "waiting", text)
      : Finding(
        .warning, "waiting", text,
        remedy:
          "a larger --batch-size, fewer ranks with more threads, --balance auto, or a faster network"
      )
  }

  private var clock: Finding? {
    guard let worst = clocks.max(by: { abs($0.offsetSeconds) < abs($1.offsetSeconds) }) else {
      return nil
    }
    let text =
      "that of \(worst.host) differs by \(Self.duration(abs(worst.offsetSeconds))) "
      + "(± \(Self.duration(worst.uncertaintySeconds)))"
    return abs(worst.offsetSeconds) - worst.uncertaintySeconds < 0.5
      ? Finding(.ok, "clocks", text)
      : Finding(
        .warning, "clocks", text + ": logs and files of the hosts are out of order",
        remedy: "synchronize the hosts' clocks (chrony or ntpd)")
  }

  static func microseconds(_ seconds: Double) -> String {
    String(format: "%.1f µs", seconds * 1e6)
  }

  static func milliseconds(_ seconds: Double) -> String {
    String(format: "%.1f ms", seconds * 1e3)
  }

  private static func duration(_ seconds: Double) -> String {
    seconds < 1 ? milliseconds(seconds) : String(format: "%.1f s", seconds)
  }

  private static func rate(_ bytesPerSecond: Double) -> String {
    String(format: "%.2f GB/s", bytesPerSecond / 1e9)
  }
}
