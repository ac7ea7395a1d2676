/// Batch normalization (Ioffe & Szegedy 2015) over rows [N·H·W, C], with the shortcut add and the
/// ReLU that follow it in a residual block as an optional epilogue.
///
/// With x̂ = (x − μ)·σ⁻¹ and n rows in the whole mini-batch:
///   forward:   y  = γ·x̂ + β (+ addend), then max(0, y) with ReLU
///   backward:  dz = dy, where ReLU let y through, else 0; the addend's gradient is dz
///              dβ = Σdz,  dγ = Σdz·x̂,  dx = γ·σ⁻¹·(dz − dβ/n − x̂·dγ/n)
/// The sums run over all shards of all ranks; these kernels see one shard and leave merging to the
/// caller.

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

  /// mean[C] and M2[C] = Σ(x − mean)² of one shard, in two passes.
  ///
  /// The second pass also sums x − m for the rounded mean m, which corrects both results (Chan,
  /// Golub & LeVeque 1983, eq. 1.7). Without rows both are 0.
  /// - Parameter moments: [2, C]; overwritten.
  public static func moments(_ input: ImageTensor, into moments: UnsafeMutablePointer<Double>) {
    let channels = input.channels
    let rows = input.rows
    guard rows > 0 else {
      moments.update(repeating: 0, count: 2 * channels)
      return
    }
    let x = UnsafePointer(input.base)
    sumChannels(
      rows: rows, channels: channels, into: moments,
      wide: { offset, _ in (x.vector(at: offset), .zero) },
      narrow: { offset, _ in (x[offset], 0) })
    withUnsafeTemporaryAllocation(of: Float.self, capacity: channels) { mean in
      for channel in 0..<channels { mean[channel] = Float(moments[channel] / Double(rows)) }
      let mean = UnsafePointer(mean.baseAddress!)
      sumChannels(
        rows: rows, channels: channels, into: moments,
        wide: { offset, channel in
          let deviation = x.vector(at: offset) - mean.vector(at: channel)
          return (deviation, deviation * deviation)
        },
        narrow: { offset, channel in
          let deviation = x[offset] - mean[channel]
          return (deviation, deviation * deviation)
        })
      for channel in 0..<channels {
        let correction = moments[channel] / Double(rows)
        moments[channel] = Double(mean[channel]) + correction
        moments[channels + channel] -= correction * correction * Double(rows)
      }
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
    let channels = input.channels
    let rows = input.rows
    let x = UnsafePointer(input.base)
    let y = output.base
    forEachChannelGroup(
      channels,
      wide: { channel in
        let scale = scale.vector(at: channel)
        let shift = shift.vector(at: channel)
        var offset = channel
        for _ in 0..<rows {
          y.store(wide(x.vector(at: offset) * scale + shift, offset), at: offset)
          offset += channels
        }
      },
      narrow: { channel in
        var offset = channel
        for _ in 0..<rows {
          y[offset] = narrow(x[offset] * scale[channel] + shift[channel], offset)
          offset += channels
        }
      })
  }

  /// First backward pass of one shard: masks the gradient in place and sums it.
  ///
  /// - Parameters:
  ///   - outputGradient: dy in, dz out.
  ///   - output: y, read only with `.relu`.
  ///   - input: x.
  ///   - mean: [C], μ of the mini-batch.
  ///   - sums: [2, C] = Σdz and Σdz·(x − μ); overwritten.
  public static func backwardSums(
    outputGradient: ImageTensor, output: UnsafePointer<Float>?, input: ImageTensor,
    mean: UnsafePointer<Float>, epilogue: Epilogue, into sums: UnsafeMutablePointer<Double>
  ) {
    let gradient = outputGradient.base
    let x = UnsafePointer(input.base)
    if epilogue.contains(.relu), let y = output {
      sumChannels(
        rows: input.rows, channels: input.channels, into: sums,
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
        rows: input.rows, channels: input.channels, into: sums,
        wide: { offset, channel in
          let dz = gradient.vector(at: offset)
          return (dz, dz * (x.vector(at: offset) - mean.vector(at: channel)))
        },
        narrow: { offset, channel in
          (gradient[offset], gradient[offset] * (x[offset] - mean[channel]))
        })
    }
  }

  /// Second backward pass of one shard: dx (+)= a·dz + b·(x − μ) + c, channel by channel.
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
    let channels = input.channels
    let rows = input.rows
    let dz = UnsafePointer(maskedGradient.base)
    let x = UnsafePointer(input.base)
    let dx = inputGradient.base
    forEachChannelGroup(
      channels,
      wide: { channel in
        let mean = mean.vector(at: channel)
        let a = a.vector(at: channel)
        let b = b.vector(at: channel)
        let c = c.vector(at: channel)
        var offset = channel
        for _ in 0..<rows {
          let value = a * dz.vector(at: offset) + b * (x.vector(at: offset) - mean) + c
          dx.store(accumulate ? dx.vector(at: offset) + value : value, at: offset)
          offset += channels
        }
      },
      narrow: { channel in
        var offset = channel
        for _ in 0..<rows {
          let value =
            a[channel] * dz[offset] + b[channel] * (x[offset] - mean[channel]) + c[channel]
          dx[offset] = accumulate ? dx[offset] + value : value
          offset += channels
        }
      })
  }
}
