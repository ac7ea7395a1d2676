/// The gradients of a group of ranks, where each of them can read and add up all of them.

import Glibc
import MPI
import Networks
import Tensors

/// Memory for the gradients of all tree nodes of a host's ranks, with the signals that order its use.
///
/// The sum of the whole mini-batch ends in the first node of the host's first rank, where all read it.
package final class SharedGradientMemory: GradientMemory {
  /// What a rank signals to its group: counts that only grow.
  enum Progress: Int, CaseIterable {
    /// Buckets that this rank's backward passes have completed.
    case written
    /// Buckets whose segment this rank has summed.
    case summed
    /// Steps whose sum this rank has used.
    case released
  }

  package let nodes: [MutableVectorView<Float>]
  package let sum: VectorView<Float>
  /// This rank's index in the group.
  let index: Int
  let size: Int
  /// Nodes of each rank of the group.
  private let nodesByIndex: [[MutableVectorView<Float>]]
  private let signals: [[Signal]]
  /// Nil for a rank alone, which has memory of its own.
  private let window: SharedWindow?
  private let own: AlignedBuffer<UInt8>

  private static let signalBytes = Progress.allCases.count * CacheLine.bytes

  /// Collective over the group.
  ///
  /// - Parameters:
  ///   - group: the ranks that are to share, in the order of `layout`'s ranks; nil for a rank alone.
  ///   - first: the first rank of the group.
  ///   - layout: defines the tree nodes of each.
  /// - Precondition: `SharedWindow.fits`.
  /// - Throws: `MPIError`.
  package init(
    _ group: Communicator?, first: Int, layout: ShardLayout, extent: GradientExtent
  ) throws {
    size = group?.size ?? 1
    index = group?.rank ?? 0
    let maps = (0..<size).map { Self.map(ofRank: first + $0, layout, extent) }
    let bytes = Self.bytes(ofRank: first + index, layout, extent)
    let offsets = Progress.allCases.map { $0.rawValue * CacheLine.bytes }
    if let group, size > 1 {
      let window = try SharedWindow(group, bytesPerRank: bytes)
      signals = (0..<size).map { rank in offsets.map { window.signal(of: rank, at: $0) } }
      nodesByIndex = maps.enumerated().map { rank, map in
        map.nodes(
          in: MutableVectorView(
            window.elements(Float.self, of: rank, at: Self.signalBytes, count: map.count)))
      }
      self.window = window
      own = AlignedBuffer(count: 0)
    } else {
      let own = AlignedBuffer<UInt8>(count: bytes)
      signals = [offsets.map { Signal(at: own.pointer + $0) }]
      nodesByIndex = [
        maps[0].nodes(in: own.view(of: Float.self, at: Self.signalBytes, count: maps[0].count))
      ]
      window = nil
      self.own = own
    }
    nodes = nodesByIndex[index]
    sum = VectorView(nodesByIndex[0][0])[0..<extent.weights]
  }

  /// Bytes that `rank` needs.
  package static func bytes(ofRank rank: Int, _ layout: ShardLayout, _ extent: GradientExtent)
    -> Int
  {
    signalBytes + map(ofRank: rank, layout, extent).count * MemoryLayout<Float>.stride
  }

  private static func map(
    ofRank rank: Int, _ layout: ShardLayout, _ extent: GradientExtent
  ) -> GradientMemoryMap {
    let nodes = layout.tree.nodes(covering: layout.shards(ofRank: rank))
    return GradientMemoryMap(extent, nodes: nodes.count)
  }

  /// The gradients of all nodes of the group, from left to right.
  var allNodes: [MutableVectorView<Float>] { nodesByIndex.flatMap { $0 } }

  func signal(_ progress: Progress, of index: Int) -> Signal {
    signals[index][progress.rawValue]
  }

  /// Signals to the group how far this rank is.
  func raise(_ progress: Progress, to value: UInt64) {
    signal(progress, of: index).raise(to: value)
  }
}
