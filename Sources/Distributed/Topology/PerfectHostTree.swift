/// The part of the reduction tree above hosts, and when recursive doubling keeps its order.

import Networks

package enum PerfectHostTree {
  /// Whether 2^k hosts hold one tree node each, and neighbouring hosts' nodes are merged first.
  ///
  /// Two hosts at distance d then hold the children of a tree node once all nearer ones have met.
  /// - Parameters:
  ///   - nodes: that each host holds.
  ///   - merges: the tree above all hosts' nodes, as indices into these.
  package static func isFormed(nodes: [Int], merges: [(into: Int, from: Int)]) -> Bool {
    let hosts = nodes.count
    guard hosts.nonzeroBitCount == 1, nodes.allSatisfy({ $0 == 1 }) else { return false }
    var perfect: Set<[Int]> = []
    var distance = 1
    while distance < hosts {
      for first in stride(from: 0, to: hosts, by: 2 * distance) {
        perfect.insert([first, first + distance])
      }
      distance *= 2
    }
    return Set(merges.map { [$0.into, $0.from] }) == perfect
  }
}

extension ReductionTree {
  /// The inner nodes above what each host has summed already, as indices into all hosts' nodes.
  package func merges(aboveHosts nodes: [[Range<Int>]]) -> [(into: Int, from: Int)] {
    let all = nodes.flatMap(\.self)
    let places = Dictionary(uniqueKeysWithValues: all.enumerated().map { ($1.lowerBound, $0) })
    return merges(above: all).map { (into: places[$0.into]!, from: places[$0.from]!) }
  }
}
