/// How fast each rank multiplies, while all of them do.

import Kernels
import MPI
import System
import Tensors
import Threads

package enum RankSpeed {
  /// How long each rank works: many turns of a processor that several processes share.
  private static let seconds = 0.6

  /// Convolutions a second of every rank, the same on all. Collective; all ranks work at once, as they will
  /// in training.
  ///
  /// - Parameter threads: of this rank.
  package static func measure(on ranks: ProcessGroup, threads: Int) throws -> [Double] {
    let work = Work(threads: threads)
    work.run()
    try ranks.control.barrier()
    let start = MonotonicClock.now
    var rounds = 0
    var passed = 0.0
    repeat {
      work.run()
      rounds += 1
      passed = MonotonicClock.now - start
    } while passed < seconds
    return try ranks.control.allGather(Double(rounds * threads) / passed)
  }

  /// A convolution for each thread.
  private final class Work {
    private let geometry = ConvolutionGeometry(
      input: ImageShape(height: 14, width: 14, channels: 256), kernelHeight: 1, kernelWidth: 1,
      outputChannels: 256, stride: 1, padding: 0)!
    private let algorithm: any ConvolutionAlgorithm
    private let team: ThreadTeam
    private let threads: Int
    private let weights: AlignedBuffer<Float>
    /// Of each thread: input, output and scratch.
    private let memory: AlignedBuffer<Float>

    init(threads: Int) {
      self.threads = threads
      algorithm = geometry.algorithm(for: .float32)
      team = ThreadTeam(threads: threads)
      weights = AlignedBuffer(count: max(geometry.weightCount, algorithm.preparedWeightCount))
      memory = AlignedBuffer(
        count: threads
          * (geometry.input.count + geometry.output.count + algorithm.scratchCount(images: 1)))
    }

    func run() {
      let part = memory.count / threads
      team.run(tasks: threads) { task, _ in
        let base = memory.pointer + task * part
        let output = base + geometry.input.count
        algorithm.forward(
          input: ImageTensor(base: base, images: 1, shape: geometry.input),
          weights: weights.pointer,
          output: ImageTensor(base: output, images: 1, shape: geometry.output),
          scratch: output + geometry.output.count)
      }
    }
  }
}
