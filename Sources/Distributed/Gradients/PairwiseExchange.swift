/// The sum of a bucket over any hosts, each of which sends to each.

import Kernels
import MPI
import Networks
import Tensors

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
  private let nodes: [MutableVectorView<Float>]
  /// Each host's piece of the segment.
  private let pieces: [Range<Int>]
  private let scratch: MutableVectorView<Float>
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
    nodes: [MutableVectorView<Float>], segment: Range<Int>, scratch: MutableVectorView<Float>,
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
    pieces = owners.indices.map { segment.part($0, of: owners.count) }
  }

  private var firstOwn: Int { tree.hosts.firstIndex(of: host)! }

  /// The values of `node` in this host's piece.
  private func values(_ node: Int) -> MutableVectorView<Float> {
    tree.hosts[node] == host
      ? nodes[node - firstOwn][pieces[host]]
      : scratch.row(node, width: pieces[host].count)
  }

  func start() throws {
    isGathering = false
    isDone = false
    for (node, sender) in tree.hosts.enumerated() where sender != host {
      try messages.receive(
        into: values(node), from: owners[sender], tag: firstTag + node)
    }
    // From the right neighbour on, so that not all hosts send to the same one first.
    for distance in 1..<owners.count {
      let other = (host + distance) % owners.count
      for (index, node) in nodes.enumerated() {
        try messages.send(
          VectorView(node[pieces[other]]), to: owners[other], tag: firstTag + firstOwn + index)
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
      Elementwise.add(VectorView(values(from)), to: values(into))
    }
    let sum = nodes[0][piece]
    if tree.hosts[0] != host { sum.update(from: values(0)) }
    messages.round(sum)
    let tag = firstTag + tree.hosts.count
    for distance in 1..<owners.count {
      let from = (host + owners.count - distance) % owners.count
      try messages.receive(into: nodes[0][pieces[from]], from: owners[from], tag: tag)
    }
    for distance in 1..<owners.count {
      try messages.send(
        VectorView(sum), to: owners[(host + distance) % owners.count], tag: tag)
    }
    setArrival(copies: 1)
  }

  /// Unknown: messages come from all.
  var missingRank: Int? { nil }
}
