/// Batch normalization (Ioffe & Szegedy 2015) over rows [N·H·W, C], with the shortcut add and the
/// ReLU that follow it in a residual block as an optional epilogue.
///
/// With x̂ = (x − μ)·σ⁻¹ and n rows in the whole mini-batch:
///   forward:   y  = γ·x̂ + β (+ addend), then max(0, y) with ReLU
///   backward:  dz = dy, where ReLU let y through, else 0; the addend's gradient is dz
///              dβ = Σdz,  dγ = Σdz·x̂,  dx = γ·σ⁻¹·(dz − dβ/n − x̂·dγ/n)
/// The sums run over all shards of all ranks; these kernels see some images of one shard and leave the
/// rest to the caller.

import Tensors

public enum BatchNormalization {
  /// What follows the normalization in the same pass over memory.
  public struct Epilogue: OptionSet, Sendable {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }
    /// The shortcut's activations are added.
    public static let add = Epilogue(rawValue: 1)
    /// Negative results become 0.
    public static let relu = Epilogue(rawValue: 2)
  }

  /// Doubles of scratch that `addMoments` and `addBackwardSums` take.
  public static func scratchCount(channels: Int) -> Int { 3 * channels }

  /// Merges mean[C] and M2[C] = Σ(x − mean)² of `input` into those of the rows before it.
  ///
  /// Two passes; the second also sums x − m for the rounded mean m, which corrects both results
  /// (Chan, Golub & LeVeque 1983, eq. 1.7). Rows are merged by their eq. 2.1.
  /// - Parameters:
  ///   - moments: [2, C]; overwritten where there are no rows before.
  ///   - rowsBefore: rows that `moments` holds already.
  ///   - scratch: `scratchCount` doubles.
  public static func addMoments(
    _ input: ImageTensor, to moments: UnsafeMutablePointer<Double>, rowsBefore: Int,
    scratch: UnsafeMutablePointer<Double>
  ) {
    let channels = input.channels
    let rows = input.rows
    guard rows > 0 else {
      if rowsBefore == 0 { moments.update(repeating: 0, count: 2 * channels) }
      return
    }
    let own = rowsBefore == 0 ? moments : scratch
    let x = UnsafePointer(input.base)
    sumChannels(
      rows: rows, channels: channels, into: own,
      wide: { offset, _ in (x.vector(at: offset), .zero) },
      narrow: { offset, _ in (x[offset], 0) })
    let rounded = UnsafeMutableRawPointer(scratch + 2 * channels)
      .assumingMemoryBound(to: Float.self)
    for channel in 0..<channels { rounded[channel] = Float(own[channel] / Double(rows)) }
    let mean = UnsafePointer(rounded)
    sumChannels(
      rows: rows, channels: channels, into: own,
      wide: { offset, channel in
        let deviation = x.vector(at: offset) - mean.vector(at: channel)
        return (deviation, deviation * deviation)
      },
      narrow: { offset, channel in
        let deviation = x[offset] - mean[channel]
        return (deviation, deviation * deviation)
      })
    for channel in 0..<channels {
      let correction = own[channel] / Double(rows)
      own[channel] = Double(mean[channel]) + correction
      own[channels + channel] -= correction * correction * Double(rows)
    }
    if rowsBefore > 0 {
      mergeMoments(
        own, rows: Double(rows), into: moments, rowsBefore: Double(rowsBefore),
        channels: channels)
    }
  }

  /// Merges [mean, M2] of `rows` rows into those of `rowsBefore` rows (Chan, Golub & LeVeque 1983,
  /// eq. 2.1): δ = mᵦ − mₐ, m = mₐ + δ·nᵦ/n, M2 = M2ₐ + M2ᵦ + δ²·nₐ·nᵦ/n.
  public static func mergeMoments(
    _ moments: UnsafePointer<Double>, rows: Double, into merged: UnsafeMutablePointer<Double>,
    rowsBefore: Double, channels: Int
  ) {
    let count = rowsBefore + rows
    for channel in 0..<channels {
      let delta = moments[channel] - merged[channel]
      merged[channel] += delta * (rows / count)
      merged[channels + channel] +=
        moments[channels + channel] + delta * delta * (rowsBefore * rows / count)
    }
  }

  /// y = x·scale + shift (+ addend), through ReLU if asked for.
  ///
  /// - Parameters:
  ///   - scale: [C], γ·σ⁻¹.
  ///   - shift: [C], β − μ·γ·σ⁻¹.
  ///   - addend: same shape as `input`, read only with `.add`.
  ///   - output: same shape; may be `input`'s memory.
  public static func apply(
    _ input: ImageTensor, scale: UnsafePointer<Float>, shift: UnsafePointer<Float>,
    addend: UnsafePointer<Float>?, epilogue: Epilogue, output: ImageTensor
  ) {
    let addend = addend ?? UnsafePointer(input.base)
    switch (epilogue.contains(.add), epilogue.contains(.relu)) {
    case (false, false):
      apply(input, scale, shift, output) { value, _ in
        value
      } narrow: { value, _ in
        value
      }
    case (false, true):
      apply(input, scale, shift, output) { value, _ in
        value.replacing(with: 0, where: value .< 0)
      } narrow: { value, _ in
        value < 0 ? 0 : value
      }
    case (true, false):
      apply(input, scale, shift, output) { value, offset in
        value + addend.vector(at: offset)
      } narrow: { value, offset in
        value + addend[offset]
      }
    case (true, true):
      apply(input, scale, shift, output) { value, offset in
        let sum = value + addend.vector(at: offset)
        return sum.replacing(with: 0, where: sum .< 0)
      } narrow: { value, offset in
        let sum = value + addend[offset]
        return sum < 0 ? 0 : sum
      }
    }
  }

  @inline(__always)
  private static func apply(
    _ input: ImageTensor, _ scale: UnsafePointer<Float>, _ shift: UnsafePointer<Float>,
    _ output: ImageTensor, wide: (Vector, Int) -> Vector, narrow: (Float, Int) -> Float
  ) {
    let x = UnsafePointer(input.base)
    let y = output.base
    forEachRowVector(
      rows: input.rows, channels: input.channels,
      wide: { offset, channel in
        let value = shift.vector(at: channel)
          .addingProduct(x.vector(at: offset), scale.vector(at: channel))
        y.store(wide(value, offset), at: offset)
      },
      narrow: { offset, channel in
        y[offset] = narrow(shift[channel].addingProduct(x[offset], scale[channel]), offset)
      })
  }

  /// First backward pass: masks the gradient in place and adds up its sums.
  ///
  /// - Parameters:
  ///   - outputGradient: dy in, dz out.
  ///   - output: y, read only with `.relu`.
  ///   - input: x.
  ///   - mean: [C], μ of the mini-batch.
  ///   - sums: [2, C] = Σdz and Σdz·(x − μ).
  ///   - isFirst: overwrite `sums` instead of adding to them.
  ///   - scratch: `scratchCount` doubles.
  public static func addBackwardSums(
    outputGradient: ImageTensor, output: UnsafePointer<Float>?, input: ImageTensor,
    mean: UnsafePointer<Float>, epilogue: Epilogue, to sums: UnsafeMutablePointer<Double>,
    isFirst: Bool, scratch: UnsafeMutablePointer<Double>
  ) {
    let gradient = outputGradient.base
    let x = UnsafePointer(input.base)
    let own = isFirst ? sums : scratch
    if epilogue.contains(.relu), let y = output {
      sumChannels(
        rows: input.rows, channels: input.channels, into: own,
        wide: { offset, channel in
          let dy = gradient.vector(at: offset)
          let dz = dy.replacing(with: 0, where: .!(y.vector(at: offset) .> 0))
          gradient.store(dz, at: offset)
          return (dz, dz * (x.vector(at: offset) - mean.vector(at: channel)))
        },
        narrow: { offset, channel in
          let dz = y[offset] > 0 ? gradient[offset] : 0
          gradient[offset] = dz
          return (dz, dz * (x[offset] - mean[channel]))
        })
    } else {
      sumChannels(
        rows: input.rows, channels: input.channels, into: own,
        wide: { offset, channel in
          let dz = gradient.vector(at: offset)
          return (dz, dz * (x.vector(at: offset) - mean.vector(at: channel)))
        },
        narrow: { offset, channel in
          (gradient[offset], gradient[offset] * (x[offset] - mean[channel]))
        })
    }
    if !isFirst {
      for index in 0..<2 * input.channels { sums[index] += own[index] }
    }
  }

  /// Second backward pass: dx (+)= a·dz + b·(x − μ) + c, channel by channel.
  ///
  /// - Parameters:
  ///   - maskedGradient: dz.
  ///   - a: [C], γ·σ⁻¹.
  ///   - b: [C], −γ·σ⁻²·dγ/n.
  ///   - c: [C], −γ·σ⁻¹·dβ/n.
  ///   - inputGradient: dx; may be `maskedGradient`'s memory where it is overwritten.
  ///   - accumulate: add to `inputGradient` instead of overwriting it.
  public static func backwardData(
    maskedGradient: ImageTensor, input: ImageTensor, mean: UnsafePointer<Float>,
    a: UnsafePointer<Float>, b: UnsafePointer<Float>, c: UnsafePointer<Float>,
    inputGradient: ImageTensor, accumulate: Bool
  ) {
    let dz = UnsafePointer(maskedGradient.base)
    let x = UnsafePointer(input.base)
    let dx = inputGradient.base
    forEachRowVector(
      rows: input.rows, channels: input.channels,
      wide: { offset, channel in
        let centred = x.vector(at: offset) - mean.vector(at: channel)
        let value = c.vector(at: channel)
          .addingProduct(b.vector(at: channel), centred)
          .addingProduct(a.vector(at: channel), dz.vector(at: offset))
        dx.store(accumulate ? dx.vector(at: offset) + value : value, at: offset)
      },
      narrow: { offset, channel in
        let value = c[channel]
          .addingProduct(b[channel], x[offset] - mean[channel])
          .addingProduct(a[channel], dz[offset])
        dx[offset] = accumulate ? dx[offset] + value : value
      })
  }
}
