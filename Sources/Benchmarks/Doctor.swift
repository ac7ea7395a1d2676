/// `resnet-dist doctor`: this machine, its ranks, and whether images load fast enough.

import Console
import Distributed
import Foundation
import Kernels
import MPI
import Networks
import Settings
import System

/// One `resnet-dist doctor`.
package struct Doctor {
  private let configuration: TrainingConfiguration
  private let ranks: ProcessGroup

  /// - Parameter configuration: of the run that will be started: the network and the images.
  package init(_ configuration: TrainingConfiguration, ranks: ProcessGroup) {
    (self.configuration, self.ranks) = (configuration, ranks)
  }

  /// Measures for some seconds; the text is rank 0's.
  ///
  /// - Throws: `CollectiveFailure`.
  package func examine() throws -> String {
    var table = SummaryTable()
    table.add("processor", "\(Self.processorName), \(ThreadAllocation.cores) cores")
    table.add(
      "kernels",
      "Swift SIMD for \(ProcessorTarget.instructionSet), OpenBLAS for \(MatrixProduct.coreName)")
    table.add("memory", Self.memory)
    table.add(
      "MPI", MPIEnvironment.libraryVersion.split(separator: ",").first.map { "\($0)" } ?? "")
    table.add("ranks", try ranksText())
    let (step, data, memory) = try measure()
    table.add("needed", memory.summary)
    table.add("training", "\(step.model), \(NumberFormat.rate(step.imagesPerSecond)) images/s")
    table.add("images", data.dataset)
    table.add(
      "loading", "\(NumberFormat.rate(data.imagesPerCoreSecond)) images/s on a core of its own")
    table.add("verdict", Self.verdict(step: step, data: data))
    return String(table.description.dropLast())
  }

  private func ranksText() throws -> String {
    let threads = try ranks.threadsPerRank()
    let hosts = ranks.hosts.groups.count
    var text =
      "\(ranks.count) on \(hosts) \(hosts == 1 ? "machine" : "machines"), \(threads) "
      + "\(threads == 1 ? "thread" : "threads") each"
    if ranks.isOversubscribed {
      text += "\nmore ranks than cores: they take turns, which costs time and changes no result"
    } else if ranks.local.size * threads < ThreadAllocation.cores {
      text +=
        "\n\(ThreadAllocation.cores - ranks.local.size * threads) of the cores stay idle: "
        + "mpirun -n \(ThreadAllocation.cores) or --bind-to none uses all"
    }
    return text
  }

  /// The training step without images, and the images without a training step.
  private func measure() throws -> (
    step: BenchmarkResult, data: DataBenchmarkResult, memory: MemoryNeed
  ) {
    let data = try DataBenchmark(configuration, seconds: 2, ranks: ranks)
    let run = try BenchmarkRun(
      configuration,
      options: .init(
        imageSize: data.imageSize, classes: data.classes, steps: nil, seconds: 2, warmUp: 1,
        layers: false), ranks: ranks)
    return (try run.measure().result, try data.measure(), run.memory)
  }

  /// Loading takes its share of the cores that train.
  static func verdict(step: BenchmarkResult, data: DataBenchmarkResult) -> String {
    let rate = step.imagesPerSecond / Double(step.ranks)
    let cores = rate / data.imagesPerCoreSecond
    let workers = max(1, Int(cores.rounded(.up)))
    let share = NumberFormat.percent(cores / Double(step.threads), decimals: 1)
    return cores <= Double(data.workers)
      ? "images come fast enough: loading takes \(share) of a rank's cores"
      : "the network waits for images: give each rank --workers \(workers), which takes \(share) of "
        + "its cores, or smaller images on the disk"
  }

  private static var processorName: String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
      ?? "unknown"
  }

  private static var memory: String {
    func gibibytes(_ bytes: Int?) -> String {
      String(format: "%.1f GiB", Double(bytes ?? 0) / 0x1p30)
    }
    return "\(gibibytes(MachineMemory.available())) free of \(gibibytes(MachineMemory.total()))"
  }
}
