/// The network stage of a reduction: hosts sum a bucket among themselves.

import Kernels
import MPI

/// One host's side of the sum of a bucket's segment over all hosts; started once a step.
protocol BucketExchange: AnyObject {
  /// Starts the sum of the host's own values, which it will overwrite.
  func start() throws
  /// Takes the steps whose messages have arrived; never waits. Returns whether the sum is complete.
  func advance() throws -> Bool
  /// A rank whose message is still missing, once started.
  var missingRank: Int? { get }
}

/// Recursive halving, then recursive doubling, nearest hosts first.
///
/// For 2^k hosts that hold neighbouring nodes of equal height of a perfect tree. At distance 1, 2, 4 …
/// each of a pair of hosts sends one half of what it still holds and adds the other's half to its
/// own; the sums are the tree's, since a + b = b + a. Then the halves come back in the opposite order.
/// A host sends and receives 2·(1 − 2⁻ᵏ) times the segment in 2k messages (Thakur, Rabenseifner and Gropp
/// 2005, section 4.5).
final class RecursiveHalvingExchange: BucketExchange {
  /// What happens at one distance.
  private struct Step {
    let partner: Int
    /// The half that this host continues with, and the partner's.
    let kept: Range<Int>
    let given: Range<Int>
    /// Where the partner's half of `kept` arrives.
    let scratch: UnsafeMutablePointer<Float>
  }

  private let messages: GradientMessages
  private let values: UnsafeMutablePointer<Float>
  private let firstTag: Int
  private let steps: [Step]
  private let network: EmulatedNetwork?
  /// Messages exchanged: `steps.count` halvings, then as many doublings.
  private var done = 0
  /// When an emulated network has delivered the present message.
  private var arrival = 0.0

  /// Tags that an exchange between `hosts` hosts needs.
  static func tags(hosts: Int) -> Int { 2 * hosts.trailingZeroBitCount }

  /// Floats of scratch for a segment of `count` elements: what is kept at each distance, rounded up.
  static func scratchCount(hosts: Int, segment count: Int) -> Int {
    count + hosts.trailingZeroBitCount
  }

  /// - Parameters:
  ///   - owners: the rank on each host that sums this segment.
  ///   - host: this rank's index in `owners`.
  ///   - values: the host's node, from the weights region's start on.
  ///   - segment: elements to sum.
  ///   - scratch: `scratchCount` floats.
  init(
    _ communicator: Communicator, owners: [Int], host: Int, values: UnsafeMutablePointer<Float>,
    segment: Range<Int>, scratch: UnsafeMutablePointer<Float>, firstTag: Int,
    compression: GradientCompression, network: EmulatedNetwork?
  ) {
    messages = GradientMessages(communicator, compression, capacity: segment.count + 1)
    self.network = network
    self.values = values
    self.firstTag = firstTag
    var steps: [Step] = []
    var held = segment
    var free = scratch
    var distance = 1
    while distance < owners.count {
      let middle = held.lowerBound + held.count / 2
      let halves = (held.lowerBound..<middle, middle..<held.upperBound)
      let keepsLower = host & distance == 0
      let (kept, given) = keepsLower ? halves : (halves.1, halves.0)
      steps.append(
        Step(partner: owners[host ^ distance], kept: kept, given: given, scratch: free))
      free += kept.count
      held = kept
      distance *= 2
    }
    self.steps = steps
  }

  func start() throws {
    done = 0
    try send()
  }

  /// Starts the exchange with the next partner.
  private func send() throws {
    let halves = done < steps.count
    let step = steps[halves ? done : 2 * steps.count - 1 - done]
    let (out, into) =
      halves
      ? (step.given, step.scratch) : (step.kept, values + step.given.lowerBound)
    let count = halves ? step.kept.count : step.given.count
    try messages.receive(into: into, count: count, from: step.partner, tag: firstTag + done)
    try messages.send(
      values + out.lowerBound, count: out.count, to: step.partner, tag: firstTag + done)
    arrival = network?.arrival(bytes: messages.bytes(out.count)) ?? 0
  }

  func advance() throws -> Bool {
    while done < 2 * steps.count {
      guard try messages.testAll(), network.hasDelivered(arrival) else { return false }
      if done < steps.count {
        let step = steps[done]
        let target = values + step.kept.lowerBound
        Elementwise.add(target, step.scratch, output: target, count: step.kept.count)
        if done == steps.count - 1 { messages.round(target, count: step.kept.count) }
      }
      done += 1
      if done < 2 * steps.count { try send() }
    }
    return true
  }

  var missingRank: Int? {
    guard done < 2 * steps.count else { return nil }
    return steps[done < steps.count ? done : 2 * steps.count - 1 - done].partner
  }
}

/// Each host sends its nodes' piece of the segment to the piece's owner, which merges all nodes in the
/// tree's order and sends the sum to all.
///
/// For hosts that do not hold one node of a perfect tree each. The volume is that of halving and
/// doubling, in more messages.
final class PairwiseExchange: BucketExchange {
  /// The tree above the hosts' nodes.
  struct Tree {
    /// The host that holds each node, from left to right.
    let hosts: [Int]
    /// Inner nodes, as indices into `hosts`.
    let merges: [(into: Int, from: Int)]
  }

  private let messages: GradientMessages
  private let owners: [Int]
  private let host: Int
  private let tree: Tree
  /// This host's nodes, from the weights region's start on; the first gets the sum.
  private let nodes: [UnsafeMutablePointer<Float>]
  /// Each host's piece of the segment.
  private let pieces: [Range<Int>]
  private let scratch: UnsafeMutablePointer<Float>
  private let firstTag: Int
  private let network: EmulatedNetwork?
  /// When an emulated network has delivered what was sent last.
  private var arrival = 0.0
  private var isGathering = false
  private var isDone = false

  /// Tags that an exchange needs.
  static func tags(_ tree: Tree) -> Int { tree.hosts.count + 1 }

  /// Floats of scratch for a segment of `count` elements.
  static func scratchCount(_ tree: Tree, hosts: Int, segment count: Int) -> Int {
    tree.hosts.count * (count / hosts + 1)
  }

  init(
    _ communicator: Communicator, owners: [Int], host: Int, tree: Tree,
    nodes: [UnsafeMutablePointer<Float>], segment: Range<Int>, scratch: UnsafeMutablePointer<Float>,
    firstTag: Int, compression: GradientCompression,
    network: EmulatedNetwork?
  ) {
    messages = GradientMessages(
      communicator, compression,
      capacity: (nodes.count + 1) * (segment.count + owners.count)
        + tree.hosts.count * (segment.count / owners.count + 1))
    self.network = network
    self.owners = owners
    self.host = host
    self.tree = tree
    self.nodes = nodes
    self.scratch = scratch
    self.firstTag = firstTag
    let hosts = owners.count
    pieces = (0..<hosts).map {
      segment.lowerBound + $0 * segment.count / hosts..<segment.lowerBound + ($0 + 1)
        * segment.count / hosts
    }
  }

  private var firstOwn: Int { tree.hosts.firstIndex(of: host)! }

  /// The values of `node` in this host's piece.
  private func values(_ node: Int) -> UnsafeMutablePointer<Float> {
    tree.hosts[node] == host
      ? nodes[node - firstOwn] + pieces[host].lowerBound
      : scratch + node * pieces[host].count
  }

  func start() throws {
    isGathering = false
    isDone = false
    for (node, sender) in tree.hosts.enumerated() where sender != host {
      try messages.receive(
        into: values(node), count: pieces[host].count, from: owners[sender], tag: firstTag + node)
    }
    // From the right neighbour on, so that not all hosts send to the same one first.
    for distance in 1..<owners.count {
      let other = (host + distance) % owners.count
      for (index, node) in nodes.enumerated() {
        try messages.send(
          node + pieces[other].lowerBound, count: pieces[other].count, to: owners[other],
          tag: firstTag + firstOwn + index)
      }
    }
    setArrival(copies: nodes.count)
  }

  /// Sending takes this host's link the time of `copies` of all the others' pieces.
  private func setArrival(copies: Int) {
    let elements = copies * (owners.count - 1) * pieces[host].count
    arrival = network?.arrival(bytes: messages.bytes(elements)) ?? 0
  }

  func advance() throws -> Bool {
    if isDone { return true }
    guard try messages.testAll(), network.hasDelivered(arrival) else { return false }
    if !isGathering {
      try merge()
      isGathering = true
      guard try messages.testAll(), network.hasDelivered(arrival) else { return false }
    }
    isDone = true
    return true
  }

  /// Sums this host's piece and starts to share it.
  private func merge() throws {
    let piece = pieces[host]
    for (into, from) in tree.merges {
      Elementwise.add(values(into), values(from), output: values(into), count: piece.count)
    }
    let sum = nodes[0] + piece.lowerBound
    if tree.hosts[0] != host { sum.update(from: values(0), count: piece.count) }
    messages.round(sum, count: piece.count)
    let tag = firstTag + tree.hosts.count
    for distance in 1..<owners.count {
      let from = (host + owners.count - distance) % owners.count
      try messages.receive(
        into: nodes[0] + pieces[from].lowerBound, count: pieces[from].count, from: owners[from],
        tag: tag)
    }
    for distance in 1..<owners.count {
      try messages.send(
        sum, count: piece.count, to: owners[(host + distance) % owners.count], tag: tag)
    }
    setArrival(copies: 1)
  }

  /// Unknown: messages come from all.
  var missingRank: Int? { nil }
}
