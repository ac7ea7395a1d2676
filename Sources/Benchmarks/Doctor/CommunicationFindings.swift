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
    let sharesMemory = ["btl_vader", "btl_sm", "pml_ucx", "mtl_ofi", "mtl_psm2", "pml_cm"]
    if hosts.contains(where: { $0.ranks.count > 1 }), !parts.isEmpty,
      parts.allSatisfy({ !sharesMemory.contains($0) })
    {
      return Finding(
        .warning, "MPI", text + ": ranks of one machine talk over the network",
        remedy: "leave out the --mca btl that excludes vader, or add vader to it")
    }
    return Finding(.ok, "MPI", text)
  }

  private func isInside(_ link: Link) -> Bool { ranks[link.from].host == ranks[link.to].host }

  private var linkFindings: [Finding] {
    [
      finding(links.filter(isInside), "in a host", slowBandwidth: 0.5e9, slowLatency: 50e-6),
      finding(
        links.filter { !isInside($0) }, "network", slowBandwidth: 0.2e9, slowLatency: 200e-6),
    ].compactMap(\.self)
  }

  /// - Parameters:
  ///   - slowBandwidth: bytes a second below which a link is slow: that of 1 Gbit/s between hosts.
  ///   - slowLatency: seconds from which on it is.
  private func finding(
    _ links: [Link], _ check: String, slowBandwidth: Double, slowLatency: Double
  ) -> Finding? {
    guard let slow = links.min(by: { $0.bytesPerSecond < $1.bytesPerSecond }),
      let late = links.max(by: { $0.latencySeconds < $1.latencySeconds })
    else { return nil }
    let best = links.map(\.bytesPerSecond).max()!
    let figures =
      "\(Self.microseconds(late.latencySeconds)), \(Self.rate(slow.bytesPerSecond))"
      + (links.count > 1 ? ", the slowest of \(links.count) pairs" : "")
    func names(_ link: Link) -> String {
      "ranks \(link.from) and \(link.to) (\(ranks[link.from].host), \(ranks[link.to].host))"
    }
    let isOversubscribed = hosts.contains { host in
      host.ranks.reduce(0) { $0 + ranks[$1].threads }
        > Set(host.ranks.flatMap { ranks[$0].processors }).count
    }
    if check == "network" {
      if slow.bytesPerSecond < slowBandwidth || late.latencySeconds > slowLatency {
        return Finding(
          .warning, check,
          figures + ": " + names(slow.bytesPerSecond < slowBandwidth ? slow : late),
          remedy:
            "if the hosts have a faster network, choose it (mpirun --mca btl_tcp_if_include); else "
            + "larger mini-batches and --gradient-compression bf16")
      }
    } else if !isOversubscribed,
      slow.bytesPerSecond < slowBandwidth || late.latencySeconds > slowLatency
    {
      return Finding(
        .note, check,
        figures + ", slow for shared memory: "
          + names(slow.bytesPerSecond < slowBandwidth ? slow : late),
        remedy: "other processes on its cores, or a sandbox without process_vm_readv "
          + "(launch/environment finds out)")
    }
    if slow.bytesPerSecond < best / 3, check == "network" {
      return Finding(
        .warning, check, figures + ", a third of the fastest or less: \(names(slow))",
        remedy: "look at that host's cable, switch and interface")
    }
    return Finding(.ok, check, figures)
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
