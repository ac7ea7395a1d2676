/// One network's scores for whole images at several scales (He et al. 2015, §3.4, and Simonyan &
/// Zisserman 2015, §3.2): every image once, on any number of ranks.

import Datasets
import Distributed
import MPI
import Networks
import Tensors

/// Adds up the scores that the fully convolutional form of a network gives to images and their mirror
/// images: softmax at each position, averaged over positions.
///
/// Images of equal size come one after the other, so there is one plan, for one shape, at a time, and its
/// memory is that of the largest. A rank takes chunks of the images in that order.
package struct DenseScoring {
  /// Images of one size.
  private struct Chunk {
    let shape: ImageShape
    let images: ArraySlice<Int>
  }

  private let source: any ImageSource
  private let scales: [Int]
  private let threads: Int
  private let chunks: [Chunk]

  /// Images of a chunk: enough that compiling a plan is no matter, few enough that ranks get equally
  /// much to do.
  private static let imagesPerChunk = 16

  /// Finds the images' sizes; each rank reads a part of them. Collective.
  ///
  /// - Throws: what reading an image throws.
  package init(_ source: any ImageSource, scales: [Int], threads: Int, ranks: ProcessGroup) throws {
    self.source = source
    self.scales = scales
    self.threads = threads
    let sizes = try Self.sizes(of: source, ranks: ranks)
    let order = sizes.indices.sorted { first, second in
      let (a, b) = (sizes[first], sizes[second])
      return (a.height, a.width, first) < (b.height, b.width, second)
    }
    var chunks: [Chunk] = []
    var first = 0
    while first < order.count {
      let shape = sizes[order[first]]
      var end = first + 1
      while end < order.count, end - first < Self.imagesPerChunk, sizes[order[end]] == shape {
        end += 1
      }
      chunks.append(Chunk(shape: shape, images: order[first..<end]))
      first = end
    }
    self.chunks = stride(from: ranks.rank, to: chunks.count, by: ranks.count).map { chunks[$0] }
  }

  private static func sizes(of source: any ImageSource, ranks: ProcessGroup) throws -> [ImageShape]
  {
    if let shape = source.imageShape { return Array(repeating: shape, count: source.count) }
    var reader = WholeImageReader(source)
    var sides = [Int64](repeating: 0, count: 2 * source.count)
    let mine =
      ranks.rank * source.count / ranks.count..<(ranks.rank + 1) * source.count / ranks.count
    for image in mine {
      let shape = try reader.size(of: image)
      sides[2 * image] = Int64(shape.height)
      sides[2 * image + 1] = Int64(shape.width)
    }
    sides = try ranks.control.allReduce(sides, .sum)
    return (0..<source.count).map {
      ImageShape(height: Int(sides[2 * $0]), width: Int(sides[2 * $0 + 1]), channels: 3)
    }
  }

  /// This rank's images in the order in which `run` takes them.
  package var images: [Int] { chunks.flatMap(\.images) }

  /// Steps of `run`, for the progress bar.
  package var steps: Int { chunks.count * scales.count }

  /// Adds the scores of `network`, whose parameters `replica` has, to `scores`: two views at each scale.
  ///
  /// - Parameter progress: called after each chunk at each scale with the steps and images done.
  package func run(
    _ network: Architecture, _ replica: Replica, _ normalization: Normalization,
    into scores: ImageScores, progress: (_ steps: Int, _ images: Int) -> Void
  ) throws {
    var reader = WholeImageReader(source, normalization.withMeanColour(of: network.input))
    var (steps, images) = (0, 0)
    for scale in scales {
      var pass: Pass?
      var row = 0
      for chunk in chunks {
        let shape = WholeImageReader.resizedShape(of: chunk.shape, shorterSide: scale)
        if pass?.shape != shape {
          // The old plan's memory goes before the new one's is taken.
          pass = nil
          pass = try Pass(network, replica, shape, threads: threads)
        }
        try pass!.run(chunk.images, &reader, into: scores, firstRow: row)
        row += chunk.images.count
        steps += 1
        images += chunk.images.count
        progress(steps, images)
      }
    }
  }

  /// A network compiled for images of one shape.
  private final class Pass {
    let shape: ImageShape
    private let replica: Replica
    private let capacity: Int
    private let pixels: AlignedBuffer<Float>

    /// Activations of images and mirror images that a pass may have, in terms of the network's own
    /// images.
    private static let ownImages = 16

    init(
      _ network: Architecture, _ replica: Replica, _ shape: ImageShape, threads: Int
    ) throws {
      self.shape = shape
      let fitting = Self.ownImages * network.input.area / (2 * shape.area)
      capacity = min(max(fitting, (threads + 1) / 2, 1), DenseScoring.imagesPerChunk)
      self.replica = Replica(
        try network.fullyConvolutional(input: shape),
        evaluation: try ShardLayout(batch: 2 * capacity, shards: 2 * capacity), threads: threads,
        exchange: SingleRankExchange(), sharing: replica)
      pixels = AlignedBuffer(count: 2 * capacity * shape.count)
    }

    func run(
      _ images: ArraySlice<Int>, _ reader: inout WholeImageReader, into scores: ImageScores,
      firstRow: Int
    ) throws {
      let positions = replica.architecture.positions
      for first in stride(from: images.startIndex, to: images.endIndex, by: capacity) {
        let part = images[first..<min(first + capacity, images.endIndex)]
        for (place, image) in part.enumerated() {
          try reader.read(
            image, resizedTo: shape, to: pixels.view.row(place, width: 2 * shape.count))
        }
        let logits = VectorView(
          try replica.scoringPass(images: pixels.pointer, batch: 2 * part.count))
        let count = positions * scores.classes
        for view in 0..<2 * part.count {
          scores.add(
            logits.row(view, width: count), positions: positions,
            row: firstRow + first - images.startIndex + view / 2)
        }
      }
    }
  }
}

extension Normalization {
  /// The same with the mean image's mean colour in place of it, which fits images of any size.
  fileprivate func withMeanColour(of shape: ImageShape) -> Normalization {
    guard case .perPixel(let image) = mean else { return self }
    let colour = (0..<shape.channels).map { channel in
      let values = stride(from: channel, to: image.count, by: shape.channels).map {
        Double(image[$0])
      }
      return Float(values.reduce(0, +) / Double(values.count))
    }
    return Normalization(mean: .perChannel(colour), deviation: deviation)
  }
}
