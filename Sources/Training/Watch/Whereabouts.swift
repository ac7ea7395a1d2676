/// Where each rank of a host stands, in memory that all of them can read.

import Glibc
import MPI
import Networks
import Synchronization
import Tensors

/// What a rank is about; the numbers are the words of a page.
enum Activity: UInt64 {
  case settingUp
  case loading
  case forward
  case backward
  case summing
  case updating
  case evaluating
  case saving
  case ended
}

/// A rank's page: what it is about since when, and for whom it waits.
///
/// Only its rank writes it, single words, so a reader may see a mixture of two neighbouring states, but
/// never a torn number.
struct WhereaboutsPage {
  /// A rank's place in a run, in one word: two ranks that take part in the same exchange have the same.
  struct Place: Equatable {
    var step: Int
    var layer: Int
    var activity: Activity

    init(step: Int, layer: Int, activity: Activity) {
      self.step = step
      self.layer = layer
      self.activity = activity
    }

    init(word: UInt64) {
      step = Int(word >> 24)
      layer = Int(word >> 8 & 0xffff)
      activity = Activity(rawValue: word & 0xff) ?? .settingUp
    }

    var word: UInt64 { UInt64(step) << 24 | UInt64(layer & 0xffff) << 8 | activity.rawValue }
  }

  private enum Word: Int {
    case place, movedAt, awaitedRank, elements, rank, process
  }

  static let bytes = CacheLine.bytes
  private static let otherHosts = UInt64.max
  private let words: UnsafeMutablePointer<Atomic<UInt64>>

  /// - Parameter memory: `bytes` zeroed bytes.
  init(at memory: UnsafeMutableRawPointer) {
    words = memory.assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  private func read(_ word: Word) -> UInt64 { words[word.rawValue].load(ordering: .relaxed) }
  private func write(_ word: Word, _ value: UInt64) {
    words[word.rawValue].store(value, ordering: .relaxed)
  }

  var place: Place { Place(word: read(.place)) }
  /// Seconds of the host's monotonic clock.
  var movedAt: Double { Double(read(.movedAt)) * 1e-9 }
  /// The rank whose message is missing, nil for any of another host's, and the numbers in it.
  var awaited: (rank: Int?, elements: Int)? {
    let rank = read(.awaitedRank)
    if rank == 0 { return nil }
    return (rank == Self.otherHosts ? nil : Int(rank) - 1, Int(read(.elements)))
  }
  var rank: Int { Int(read(.rank)) }
  var process: Int { Int(read(.process)) }

  func introduce(rank: Int) {
    write(.rank, UInt64(rank))
    write(.process, UInt64(getpid()))
  }

  func move(to place: Place) {
    write(.place, place.word)
    write(.awaitedRank, 0)
    write(.movedAt, UInt64(Self.now * 1e9))
  }

  func wait(for rank: Int?, elements: Int) {
    write(.elements, UInt64(elements))
    write(.awaitedRank, rank.map { UInt64($0) + 1 } ?? Self.otherHosts)
  }

  func goOn() { write(.awaitedRank, 0) }

  static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

/// Keeps this rank's page: one of `Replica.observers`.
public final class Whereabouts: PassObserver {
  /// Hears of each move.
  var timeline: Timeline?
  /// Pages of this host's ranks, in their order.
  let pages: [WhereaboutsPage]
  /// 1 once a rank of the host reports.
  private let reporter: UnsafeMutablePointer<Atomic<UInt64>>
  private let own: WhereaboutsPage
  private let window: SharedWindow
  private var place = WhereaboutsPage.Place(step: 0, layer: 0, activity: .settingUp)

  /// Collective over `local`.
  ///
  /// - Parameters:
  ///   - local: this host's ranks; used for nothing else.
  ///   - rank: this rank among all.
  public init(local: Communicator, rank: Int) throws {
    let window = try SharedWindow(
      local, bytesPerRank: WhereaboutsPage.bytes + CacheLine.bytes)
    pages = (0..<local.size).map { WhereaboutsPage(at: window.part(of: $0)) }
    reporter = (window.part(of: 0) + WhereaboutsPage.bytes)
      .assumingMemoryBound(to: Atomic<UInt64>.self)
    own = pages[local.rank]
    self.window = window
    own.introduce(rank: rank)
    own.move(to: place)
  }

  /// This rank's page.
  var ownPage: WhereaboutsPage { own }

  /// Whether this rank is the one of its host that reports.
  func claimReport() -> Bool { reporter.pointee.exchange(1, ordering: .relaxed) == 0 }

  /// The place in one word, the same on all ranks that take part in an exchange here.
  var word: UInt64 { place.word }

  /// Moves to something that is not a layer.
  func move(to activity: Activity, step: Int? = nil, layer: Int = 0) {
    place.step = step ?? place.step
    place.layer = layer
    place.activity = activity
    own.move(to: place)
    timeline?.move(to: place)
  }

  public func willRun(layer: Int, backward: Bool) {
    move(to: backward ? .backward : .forward, layer: layer)
  }

  /// Tells that the message of `rank`, or of another host, of so many numbers is missing.
  func wait(for rank: Int?, elements: Int) { own.wait(for: rank, elements: elements) }

  /// The wait is over.
  func goOn() { own.goOn() }

  /// Runs an exchange of statistics.
  func exchange(_ body: () throws -> Void) rethrows {
    guard let timeline else { return try body() }
    let began = Timeline.now
    try body()
    timeline.exchanged(at: place, since: began)
  }
}

/// Two ranks are in an exchange of different layers, steps or lengths.
public struct RanksOutOfStep: Error, CustomStringConvertible {
  public let rank: Int
  public let own: String
  public let otherRank: Int
  public let other: String

  public var description: String {
    "ranks are out of step: rank \(rank) exchanges statistics in \(own), rank \(otherRank) in "
      + "\(other). This is a defect in resnet-dist or in the memory of a machine, please report it; "
      + "the run can be resumed from its last checkpoint"
  }
}

extension WhereaboutsPage.Place: CustomStringConvertible {
  var description: String {
    let layerNumber = "layer \(layer)"
    return "step \(step), " + text(layerName: layerNumber)
  }

  /// What the rank is about, without the step.
  func text(layerName: String) -> String {
    switch activity {
    case .settingUp: "setting up"
    case .loading: "loading images"
    case .forward: "forward of \(layerName)"
    case .backward: "backward of \(layerName)"
    case .summing: "summing gradients"
    case .updating: "updating parameters"
    case .evaluating: "evaluating, batch \(layer)"
    case .saving: "saving a checkpoint"
    case .ended: "ended"
    }
  }
}
