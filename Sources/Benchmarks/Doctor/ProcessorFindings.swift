/// What `doctor` thinks of processors, threads and ranks.

import Console
import Foundation
import Networks
import Runs

extension Examination {
  var processorFindings: [Finding] {
    [processors, tiles, precision, cores, binding, quota, blas, load, speeds].compactMap(\.self)
  }

  private var processors: Finding {
    let names = Set(ranks.map(\.processorName)).sorted()
    let text = names.joined(separator: "; ")
    return names.count == 1
      ? Finding(.ok, "processor", text)
      : Finding(
        .note, "processor", "the hosts have different ones: \(text)",
        remedy: "results stay the same where the start-up check of kernels passes; "
          + "--balance auto gives faster ranks more of the work")
  }

  private var tiles: Finding? {
    let count = ranks.count { $0.hasTiles }
    if count == 0 { return nil }
    return count == ranks.count
      ? Finding(
        .note, "AMX", "the processor multiplies bfloat16 in tiles", remedy: "--precision bf16-amx")
      : Finding(
        .note, "AMX",
        "\(count) of \(ranks.count) ranks have it; the others take many times as long for --precision bf16-amx",
        remedy: "--precision bf16, or hosts that all have it")
  }

  /// Whether bf16 gains or would.
  private var precision: Finding? {
    guard let run, let speedup = ranks.map(\.bf16Speedup).min() else { return nil }
    let text = PrecisionNote.text(.bf16, speedup: speedup)
    switch run.precision {
    case .fp32:
      return PrecisionNote.isSlow(speedup)
        ? nil : Finding(.note, "precision", text, remedy: "--precision bf16")
    case .bf16:
      return PrecisionNote.isSlow(speedup)
        ? Finding(.warning, "precision", text, remedy: PrecisionNote.remedy)
        : Finding(.ok, "precision", text)
    case .bf16AMX: return nil
    }
  }

  /// Ranks whose threads have not a processor each.
  private var cores: Finding {
    let count = "\(ranks.count) on \(Finding.counted(hosts.count, "machine")), "
    let most = ranks.map(\.threads).max() ?? 1
    let threads = "\(Finding.counted(most, "thread")) each"
    for host in hosts {
      let allowed = processors(of: host)
      let busy = self.threads(of: host)
      if busy > allowed.count {
        return Finding(
          .warning, "ranks",
          count + threads
            + ": \(busy) threads take turns on \(Finding.counted(allowed.count, "processor")) of "
            + "\(host.name), all that they may use; results stay the same",
          remedy: host.ranks.count > allowed.count
            ? "start at most \(Finding.counted(allowed.count, "rank")) there"
              + (allowed.count < ranks[host.ranks[0]].machineProcessors
                ? ", or unbind them: mpirun --bind-to none" : "")
            : threadsWereGiven
              ? "a smaller --threads, or mpirun --map-by slot:PE=\(most) --bind-to core"
              : "mpirun --bind-to none")
      }
    }
    for host in hosts {
      let first = ranks[host.ranks[0]]
      let busy = self.threads(of: host)
      if busy < first.machineProcessors {
        let idle = first.machineProcessors - busy
        return Finding(
          .note, "ranks",
          count + threads + ": \(idle) of the \(first.machineProcessors) processors of "
            + "\(host.name) \(idle == 1 ? "stays" : "stay") idle",
          remedy: run?.isDetector == true
            ? "more ranks, up to --batch-size"
            : "more ranks; or, where mpirun binds each rank to a core, --bind-to none or "
              + "--map-by slot:PE=N for N threads each")
      }
      if let run, run.shards / ranks.count < most {
        return Finding(
          .note, "ranks",
          count + threads + ", but a rank has \(max(1, run.shards / ranks.count)) of the "
            + "\(run.shards) logical shards, and a thread works on a shard at least",
          remedy: "--shards \(ranks.count * most) for a new run, or more ranks with fewer threads")
      }
    }
    return Finding(.ok, "ranks", count + threads)
  }

  /// Masks of a host's ranks should be the same or apart.
  private var binding: Finding {
    for host in hosts {
      for (index, rank) in host.ranks.enumerated() {
        let mine = Set(ranks[rank].processors)
        for other in host.ranks[(index + 1)...] {
          let theirs = Set(ranks[other].processors)
          if mine != theirs, !mine.isDisjoint(with: theirs) {
            return Finding(
              .warning, "binding",
              "ranks \(rank) and \(other) on \(host.name) share some processors and not others, so "
                + "threads are divided badly",
              remedy: "mpirun --bind-to core --map-by slot:PE=N, or --bind-to none")
          }
        }
      }
    }
    if let rank = ranks.indices.first(where: { ranks[$0].threads > ranks[$0].cores }),
      ranks[rank].threads <= ranks[rank].processors.count
    {
      return Finding(
        .note, "binding",
        "rank \(rank) has \(ranks[rank].threads) threads on \(ranks[rank].cores) cores: hyper-threads "
          + "share a core's arithmetic",
        remedy: "--threads \(ranks[rank].cores) is as fast, or faster")
    }
    return Finding(
      .ok, "binding",
      ranks.allSatisfy { $0.processors.count == $0.machineProcessors }
        ? "ranks may run on all processors of their machines"
        : "ranks are bound, to processors of their own or to the same ones")
  }

  private var quota: Finding? {
    for host in hosts {
      let busy = threads(of: host)
      if let quota = ranks[host.ranks[0]].processorQuota, Double(busy) > quota.rounded(.up) {
        return Finding(
          .warning, "quota",
          "the container on \(host.name) may use \(String(format: "%.3g", quota)) processors' time, and the "
            + "ranks have \(busy) threads: they are stopped for a part of each tenth of a second",
          remedy: "fewer ranks or --threads, or a larger CPU limit of the container")
      }
    }
    return nil
  }

  private var blas: Finding {
    let most = ranks.map(\.idleBlasThreads).max() ?? 0
    return most == 0
      ? Finding(.ok, "BLAS", "\(blasLibrary) on the calling thread alone")
      : Finding(
        .note, "BLAS",
        "\(blasLibrary) made \(most) more \(most == 1 ? "thread" : "threads") in each rank, which only take "
          + "memory",
        remedy: "export OPENBLAS_NUM_THREADS=1 (launch/environment does)")
  }

  private var load: Finding {
    let busiest = hosts.map { (name: $0.name, load: ranks[$0.ranks[0]].load) }
      .max { $0.load < $1.load }!
    let text = String(format: "%.1f", busiest.load)
    return busiest.load < 1
      ? Finding(.ok, "load", "no other work in the last minute")
      : Finding(
        .note, "load",
        "\(text) processes wanted to run on \(busiest.name) in the last minute, before this measurement",
        remedy: "the figures below are of what that left: give this run processors of its own")
  }

  private var speeds: Finding? {
    guard ranks.count > 1 else { return nil }
    // Threads of a rank count together, so ranks of different threads are compared as a whole.
    let slowest = ranks.indices.min { ranks[$0].speed < ranks[$1].speed }!
    let fastest = ranks.map(\.speed).max()!
    let share = ranks[slowest].speed / fastest
    return share > 0.85
      ? Finding(.ok, "speed", "all ranks are as fast as each other, within 15 %")
      : Finding(
        .warning, "speed",
        "rank \(slowest) on \(ranks[slowest].host) has \(NumberFormat.percent(share, decimals: 0)) of the speed of "
          + "the fastest: all others wait for it",
        remedy: "find what slows it (other processes, clock, fewer threads), or --balance auto")
  }
}
