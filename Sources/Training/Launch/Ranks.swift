/// The ranks of a run and the ways in which they fail together.

import Foundation
import MPI
import Networks

/// The processes of one run, with separate communicators for what may be under way at once.
public final class Ranks {
  /// For control data: agreement, configuration, parameters at the start.
  public let control: Communicator
  /// For per-layer statistics.
  let statistics: Communicator
  /// For gradients.
  let gradients: Communicator
  /// The ranks on this machine, this one included.
  let local: Communicator
  /// A slower network than there is, over which each rank talks to all others: for benchmarks.
  var injectedNetwork: InjectedNetwork?
  /// All ranks by machine; with an injected network each on its own.
  var hosts: RankGroups {
    injectedNetwork == nil ? machines : RankGroups(sizes: Array(repeating: 1, count: count))
  }
  private let machines: RankGroups
  /// Whether ranks of this machine have to take turns on their processors.
  let isCrowded: Bool

  public init(world: Communicator = .world) throws {
    control = try world.duplicate()
    statistics = try world.duplicate()
    gradients = try world.duplicate()
    local = try world.splitBySharedMemory()
    machines = try RankGroups(all: control, local: local)
    isCrowded = try ThreadAllocation.isCrowded(local: local)
  }

  public var rank: Int { control.rank }
  public var count: Int { control.size }
  /// Whether this rank speaks to the user and owns the run's files.
  public var isFirst: Bool { control.rank == 0 }

  /// The exchange of statistics between these ranks. Collective.
  ///
  /// - Parameter architecture: tells how many numbers an exchange has.
  func statisticsExchange(
    _ division: StatisticsDivision, _ architecture: Architecture
  ) throws -> ClusteredStatisticsExchange {
    let channels = architecture.nodes.map(\.shape.channels).max() ?? 1
    return try ClusteredStatisticsExchange(
      statistics, group: group, hosts: hosts, division: division,
      widths: .init(
        layers: 2 * channels,
        whole: max(
          division.groups.count > 1 ? ParameterLayout(architecture).normalizationTotals : 0,
          ClassificationExchange.width)),
      yields: isCrowded, injected: injectedNetwork)
  }

  /// Pages that tell where each rank of this host is. Collective.
  func makeWhereabouts() throws -> Whereabouts {
    try Whereabouts(local: local.duplicate(), rank: rank)
  }

  /// This rank's host; nil for a rank alone, or where a host's ranks are not neighbours.
  private var group: Communicator? {
    hosts.groups[hosts.group(of: rank)].count == local.size ? local : nil
  }

  /// What sums the gradients of these ranks. Collective.
  ///
  /// - Parameters:
  ///   - layout: of a part of the mini-batch, `configuration.accumulate` of which make a step.
  ///   - whereabouts: where to tell whom this rank waits for.
  func gradientReduction(
    _ configuration: TrainingConfiguration, _ layout: ShardLayout, _ extent: GradientExtent,
    whereabouts: Whereabouts? = nil
  ) throws -> any GradientReduction {
    let reduction = try partReduction(configuration, layout, extent, whereabouts)
    let parts = configuration.accumulate
    return parts == 1
      ? reduction : AccumulatedReduction(reduction, parts: parts, count: extent.weights)
  }

  private func partReduction(
    _ configuration: TrainingConfiguration, _ layout: ShardLayout, _ extent: GradientExtent,
    _ whereabouts: Whereabouts?
  ) throws -> any GradientReduction {
    let size = max(1, configuration.bucketBytes / MemoryLayout<Float>.stride)
    switch configuration.reduction {
    case .mpi:
      return MPIReduction(gradients, layout: layout, extent: extent, bucketSize: size)
    case .tree:
      let group = group
      let bytes = SharedGradientMemory.bytes(ofRank: rank, layout, extent)
      let fits = try group.map { try SharedWindow.fits($0, bytesPerRank: bytes) } ?? true
      let share = try control.allReduce(Int(fits ? 1 : 0), .min) == 1
      let reduction = try TreeReduction(
        gradients, group: share ? group?.duplicate() : nil,
        groups: share ? hosts : RankGroups(sizes: Array(repeating: 1, count: count)),
        layout: layout, extent: extent, bucketSize: size, yields: isCrowded,
        compression: configuration.gradientCompression,
        network: injectedNetwork)
      reduction.whereabouts = whereabouts
      return reduction
    }
  }

  /// Runs `work` on every rank; when it throws on any, throws the same `CollectiveFailure` on all.
  public func together<Result>(_ work: () throws -> Result) throws -> Result {
    var outcome: Swift.Result<Result, any Error>
    do { outcome = .success(try work()) } catch { outcome = .failure(error) }
    var report = ""
    if case .failure(let error) = outcome { report = "\(exitCode(for: error)) \(error)" }
    let reports = try control.allGather(report)
    guard let failed = reports.firstIndex(where: { !$0.isEmpty }) else { return try outcome.get() }
    let parts = reports[failed].split(separator: " ", maxSplits: 1)
    throw CollectiveFailure(
      rank: failed, exitCode: Int32(parts[0]) ?? ExitCode.failure,
      reason: parts.count > 1 ? String(parts[1]) : "")
  }

  /// Runs `work`, and ends the job when it fails on this rank alone: the other ranks know nothing of
  /// that and may wait for this one for ever. The abort comes before the requests of `work` are dropped.
  ///
  /// - Throws: `CollectiveFailure` only.
  public func endTogether<Result>(_ work: () throws -> Result) throws(CollectiveFailure) -> Result {
    do { return try work() } catch let failure as CollectiveFailure { throw failure } catch {
      control.abort(code: exitCode(for: error), reason: "resnet-dist: error: \(error)")
    }
  }

  /// Runs `work` on the first rank only; when it throws, throws on all.
  @discardableResult
  public func onFirst<Result>(_ work: () throws -> Result) throws -> Result? {
    try together { isFirst ? try work() : nil }
  }
}

/// Ranks were started with different settings.
public struct RanksDisagree: UsageError, Equatable, CustomStringConvertible {
  public let key: String
  public let first: String
  public let rank: Int
  public let other: String

  public var description: String {
    "ranks were started with different settings: \(key) is \(first) on rank 0 and \(other) on rank "
      + "\(rank). Start all ranks with the same command line, configuration file and data"
  }
}

extension Ranks {
  /// Checks that all ranks hold the same values, each under the same key.
  ///
  /// - Throws: `CollectiveFailure` with the reason of `RanksDisagree`.
  public func agree(on values: [(key: String, value: String)]) throws {
    let separator = "\u{1F}"
    let text = values.map { "\($0.key)\u{1E}\($0.value)" }.joined(separator: separator)
    let texts = try control.allGather(text)
    try together {
      guard isFirst, let other = texts.firstIndex(where: { $0 != texts[0] }) else { return }
      let mine = Self.table(texts[0], separator)
      let theirs = Self.table(texts[other], separator)
      let keys = (values.map(\.key) + theirs.keys.sorted()).filter { mine[$0] != theirs[$0] }
      let key = keys.first ?? "configuration"
      throw RanksDisagree(
        key: key, first: mine[key] ?? "not set", rank: other, other: theirs[key] ?? "not set")
    }
  }

  private static func table(_ text: String, _ separator: String) -> [String: String] {
    var table: [String: String] = [:]
    for line in text.components(separatedBy: separator) {
      let pair = line.components(separatedBy: "\u{1E}")
      if pair.count == 2 { table[pair[0]] = pair[1] }
    }
    return table
  }
}
