/// Batch normalization (Ioffe & Szegedy 2015) over rows [N·H·W, C], with the shortcut add and the
/// ReLU that follow it in a residual block as an optional epilogue.
///
/// With x̂ = (x − μ)·σ⁻¹ and n rows in the whole mini-batch:
///   forward:   y  = γ·x̂ + β (+ addend), then max(0, y) with ReLU
///   backward:  dz = dy, where ReLU let y through, else 0; the addend's gradient is dz
///              dβ = Σdz,  dγ = Σdz·x̂,  dx = γ·σ⁻¹·(dz − dβ/n − x̂·dγ/n)
/// The sums run over all shards of all ranks. These kernels see some images of one shard; the caller
/// combines their sums in a fixed order.

import CProcessor
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

  /// Merges mean[C] and M2[C] = Σ(x − mean)² of `input` into those of the rows before it. The order of
  /// summation depends on the number of rows and channels alone.
  ///
  /// Two passes; the second also sums x − m for the rounded mean m, which corrects both results
  /// (Chan, Golub & LeVeque 1983, eq. 1.7). Rows are merged by their eq. 2.1.
  /// - Parameters:
  ///   - moments: [2, C]; overwritten where there are no rows before.
  ///   - rowsBefore: rows that `moments` holds already.
  ///   - copy: gets the input too, without passing through the caches, for channels in whole vectors;
  ///     both begin at a cache line.
  ///   - scratch: `scratchCount` doubles.
  public static func addMoments(
    _ input: ImageTensor, to moments: UnsafeMutablePointer<Double>, rowsBefore: Int,
    streamedTo copy: ImageTensor? = nil, scratch: UnsafeMutablePointer<Double>
  ) {
    switch input.element {
    case .float32:
      addMoments(
        input.view(of: Float.self), to: moments, rowsBefore: rowsBefore,
        streamedTo: copy?.view().base, scratch: scratch)
    case .bfloat16:
      addMoments(
        input.view(of: BFloat16.self), to: moments, rowsBefore: rowsBefore,
        streamedTo: copy?.view().base, scratch: scratch)
    }
  }

  private static func addMoments<Element: KernelElement>(
    _ input: TensorView<Element>, to moments: UnsafeMutablePointer<Double>, rowsBefore: Int,
    streamedTo copy: UnsafeMutablePointer<Element>?, scratch: UnsafeMutablePointer<Double>
  ) {
    let channels = input.channels
    let rows = input.rows
    guard rows > 0 else {
      if rowsBefore == 0 { moments.update(repeating: 0, count: 2 * channels) }
      return
    }
    let own = rowsBefore == 0 ? moments : scratch
    let x = UnsafePointer(input.base)
    sumChannels(rows: rows, channels: channels, into: own, Sum(x: x))
    let mean = UnsafeMutableRawPointer(scratch + 2 * channels).assumingMemoryBound(to: Float.self)
    for channel in 0..<channels { mean[channel] = Float(own[channel] / Double(rows)) }
    if let copy {
      require(channels % Vector.lanes == 0, "streamed channels fill whole cache lines")
      sumChannels(
        rows: rows, channels: channels, into: own,
        StreamedDeviation(deviation: Deviation(x: x, mean: mean), copy: copy))
      finish_streaming()
    } else {
      sumChannels(rows: rows, channels: channels, into: own, Deviation(x: x, mean: mean))
    }
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

  /// The same of vectors that are [mean, M2].
  public static func mergeMoments(
    _ moments: VectorView<Double>, rows: Double, into merged: MutableVectorView<Double>,
    rowsBefore: Double
  ) {
    require(moments.count == merged.count, "moments are of as many channels")
    guard let moments = moments.elements.baseAddress, let base = merged.elements.baseAddress else {
      return
    }
    mergeMoments(
      moments, rows: rows, into: base, rowsBefore: rowsBefore, channels: merged.count / 2)
  }

  /// y = x·scale + shift (+ addend), with `.relu` max(0, y). Reads 1 or 2 elements for each that it writes.
  ///
  /// - Parameters:
  ///   - scale: [C], γ·σ⁻¹.
  ///   - shift: [C], β − μ·γ·σ⁻¹.
  ///   - addend: same shape as `input`, read only with `.add`.
  ///   - output: same shape; may be `input`'s or `addend`'s memory.
  public static func apply(
    _ input: ImageTensor, scale: UnsafePointer<Float>, shift: UnsafePointer<Float>,
    addend: ImageTensor?, epilogue: Epilogue, output: ImageTensor
  ) {
    require(
      input.channels == output.channels && input.count == output.count
        && addend.map { $0.count == output.count } ?? true,
      "a normalization and what is added to it change no shape")
    switch input.element {
    case .float32:
      apply(
        input.view(of: Float.self), scale: scale, shift: shift, addend: addend?.view().base,
        epilogue: epilogue, output: output.view())
    case .bfloat16:
      apply(
        input.view(of: BFloat16.self), scale: scale, shift: shift, addend: addend?.view().base,
        epilogue: epilogue, output: output.view())
    }
  }

  private static func apply<Element: KernelElement>(
    _ input: TensorView<Element>, scale: UnsafePointer<Float>, shift: UnsafePointer<Float>,
    addend: UnsafeMutablePointer<Element>?, epilogue: Epilogue, output: TensorView<Element>
  ) {
    let affine = Affine(x: UnsafePointer(input.base), scale: scale, shift: shift)
    if epilogue.contains(.add), let addend {
      write(AffineSum(affine: affine, addend: UnsafePointer(addend)), epilogue, to: output)
    } else {
      write(affine, epilogue, to: output)
    }
  }

  private static func write<Element: KernelElement>(
    _ sum: some ChannelValue, _ epilogue: Epilogue, to output: TensorView<Element>
  ) {
    let (rows, channels) = (output.rows, output.channels)
    if epilogue.contains(.relu) {
      forEachRow(
        rows: rows, channels: channels, Written(value: Rectified(unrectified: sum), y: output.base))
    } else {
      forEachRow(rows: rows, channels: channels, Written(value: sum, y: output.base))
    }
  }

  /// Source of the ReLU mask.
  public enum Switches {
    /// y itself.
    case output(ImageTensor)
    /// x, from which y is recomputed: the arguments of `apply`.
    case input(scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, addend: ImageTensor?)

    /// Whether the tensors have as many elements.
    fileprivate func areOf(count: Int) -> Bool {
      switch self {
      case .output(let output): output.count == count
      case .input(_, _, let addend): addend.map { $0.count == count } ?? true
      }
    }
  }

  /// First backward pass: masks the gradient in place and adds up its sums.
  ///
  /// - Parameters:
  ///   - outputGradient: dy in, dz out.
  ///   - switches: needed with `.relu`, else not read.
  ///   - input: x.
  ///   - mean: [C], μ of the mini-batch.
  ///   - sums: [2, C] = Σdz and Σdz·(x − μ).
  ///   - isFirst: overwrite `sums` instead of adding to them.
  ///   - scratch: `scratchCount` doubles.
  public static func addBackwardSums(
    outputGradient: ImageTensor, switches: Switches?, input: ImageTensor,
    mean: UnsafePointer<Float>, epilogue: Epilogue, to sums: UnsafeMutablePointer<Double>,
    isFirst: Bool, scratch: UnsafeMutablePointer<Double>
  ) {
    require(
      outputGradient.channels == input.channels && outputGradient.count == input.count
        && switches.map { $0.areOf(count: input.count) } ?? true,
      "a normalization's gradient and the source of its mask have its input's shape")
    let own = isFirst ? sums : scratch
    switch input.element {
    case .float32:
      sumGradient(
        outputGradient.view(of: Float.self), switches, input.view(), mean: mean,
        epilogue: epilogue, to: own)
    case .bfloat16:
      sumGradient(
        outputGradient.view(of: BFloat16.self), switches, input.view(), mean: mean,
        epilogue: epilogue, to: own)
    }
    if !isFirst {
      for index in 0..<2 * input.channels { sums[index] += own[index] }
    }
  }

  private static func sumGradient<Element: KernelElement>(
    _ outputGradient: TensorView<Element>, _ switches: Switches?, _ input: TensorView<Element>,
    mean: UnsafePointer<Float>, epilogue: Epilogue, to sums: UnsafeMutablePointer<Double>
  ) {
    let (rows, channels) = (input.rows, input.channels)
    let x = UnsafePointer(input.base)
    let terms = GradientTerms(gradient: outputGradient.base, x: x, mean: mean)
    func sumMasked(by y: some ChannelValue) {
      sumChannels(
        rows: rows, channels: channels, into: sums, MaskedGradientTerms(unmasked: terms, y: y))
    }
    switch epilogue.contains(.relu) ? switches : nil {
    case nil:
      sumChannels(rows: rows, channels: channels, into: sums, terms)
    case .output(let y):
      sumMasked(by: Stored(y: UnsafePointer(y.view(of: Element.self).base)))
    case .input(let scale, let shift, let addend):
      let affine = Affine(x: x, scale: scale, shift: shift)
      if epilogue.contains(.add), let addend {
        sumMasked(
          by: AffineSum(
            affine: affine, addend: UnsafePointer(addend.view(of: Element.self).base)))
      } else {
        sumMasked(by: affine)
      }
    }
  }

  /// Second backward pass: dx (+)= a·dz + b·(x − μ) + c, channel by channel. Reads 2 floats an element, 3 if
  /// `accumulate`, and writes 1.
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
    require(
      maskedGradient.count == input.count && inputGradient.count == input.count
        && maskedGradient.channels == input.channels && inputGradient.channels == input.channels,
      "a normalization's gradients have its input's shape")
    let coefficients = Coefficients(mean: mean, a: a, b: b, c: c)
    switch input.element {
    case .float32:
      write(
        coefficients, maskedGradient.view(of: Float.self), input.view(),
        to: inputGradient.view(), accumulate: accumulate)
    case .bfloat16:
      write(
        coefficients, maskedGradient.view(of: BFloat16.self), input.view(),
        to: inputGradient.view(), accumulate: accumulate)
    }
  }

  private static func write<Element: KernelElement>(
    _ coefficients: Coefficients, _ maskedGradient: TensorView<Element>,
    _ input: TensorView<Element>, to inputGradient: TensorView<Element>, accumulate: Bool
  ) {
    let gradient = InputGradient(
      dz: UnsafePointer(maskedGradient.base), x: UnsafePointer(input.base),
      coefficients: coefficients, dx: inputGradient.base)
    let (rows, channels) = (input.rows, input.channels)
    if accumulate {
      forEachRow(rows: rows, channels: channels, AddedInputGradient(gradient: gradient))
    } else {
      forEachRow(rows: rows, channels: channels, gradient)
    }
  }
}

// MARK: Passes

/// Σx.
private struct Sum<Element: KernelElement>: ChannelTerms {
  let x: UnsafePointer<Element>

  @inline(__always)
  func terms<L: Lanes>(_ offset: Int, _ channel: Int) -> (L, L) { (L(x, at: offset), .zero) }
}

/// Σ(x − m) and Σ(x − m)².
private struct Deviation<Element: KernelElement>: ChannelTerms {
  let x: UnsafePointer<Element>
  let mean: UnsafePointer<Float>

  @inline(__always)
  func terms<L: Lanes>(_ offset: Int, _ channel: Int) -> (L, L) {
    let deviation = L(x, at: offset) - L(mean, at: channel)
    return (deviation, deviation * deviation)
  }
}

/// The same, while x is copied past the caches, sixteen channels at a time.
private struct StreamedDeviation<Element: KernelElement>: ChannelTerms {
  let deviation: Deviation<Element>
  let copy: UnsafeMutablePointer<Element>

  @inline(__always)
  func terms<L: Lanes>(_ offset: Int, _ channel: Int) -> (L, L) {
    Element.stream(deviation.x + offset, to: copy + offset)
    return deviation.terms(offset, channel)
  }
}

/// A value for each element of [rows, channels].
private protocol ChannelValue {
  func value<L: Lanes>(_ offset: Int, _ channel: Int) -> L
}

/// y, from memory.
private struct Stored<Element: KernelElement>: ChannelValue {
  let y: UnsafePointer<Element>

  @inline(__always)
  func value<L: Lanes>(_ offset: Int, _ channel: Int) -> L { L(y, at: offset) }
}

/// x·scale + shift.
private struct Affine<Element: KernelElement>: ChannelValue {
  let x: UnsafePointer<Element>
  let scale: UnsafePointer<Float>
  let shift: UnsafePointer<Float>

  @inline(__always)
  func value<L: Lanes>(_ offset: Int, _ channel: Int) -> L {
    L(shift, at: channel).addingProduct(L(x, at: offset), L(scale, at: channel))
  }
}

/// x·scale + shift + addend.
private struct AffineSum<Element: KernelElement>: ChannelValue {
  let affine: Affine<Element>
  let addend: UnsafePointer<Element>

  @inline(__always)
  func value<L: Lanes>(_ offset: Int, _ channel: Int) -> L {
    let value: L = affine.value(offset, channel)
    return value + L(addend, at: offset)
  }
}

/// max(0, another value).
private struct Rectified<Value: ChannelValue>: ChannelValue {
  let unrectified: Value

  @inline(__always)
  func value<L: Lanes>(_ offset: Int, _ channel: Int) -> L {
    let value: L = unrectified.value(offset, channel)
    return value.rectified
  }
}

/// y = a value.
private struct Written<Value: ChannelValue, Element: KernelElement>: ChannelPass {
  let value: Value
  let y: UnsafeMutablePointer<Element>

  @inline(__always)
  func run<L: Lanes>(_ offset: Int, _ channel: Int, _ lanes: L.Type) {
    let value: L = value.value(offset, channel)
    value.store(to: y, at: offset)
  }
}

/// Σdz and Σdz·(x − μ).
private struct GradientTerms<Element: KernelElement>: ChannelTerms {
  let gradient: UnsafeMutablePointer<Element>
  let x: UnsafePointer<Element>
  let mean: UnsafePointer<Float>

  @inline(__always)
  func terms<L: Lanes>(_ offset: Int, _ channel: Int) -> (L, L) {
    terms(L(gradient, at: offset), offset, channel)
  }

  @inline(__always)
  func terms<L: Lanes>(_ dz: L, _ offset: Int, _ channel: Int) -> (L, L) {
    (dz, dz * (L(x, at: offset) - L(mean, at: channel)))
  }
}

/// The same from dy, which becomes dz in place.
private struct MaskedGradientTerms<Output: ChannelValue, Element: KernelElement>: ChannelTerms {
  let unmasked: GradientTerms<Element>
  /// y, rectified or not.
  let y: Output

  @inline(__always)
  func terms<L: Lanes>(_ offset: Int, _ channel: Int) -> (L, L) {
    let dz = L(unmasked.gradient, at: offset).masked(by: y.value(offset, channel))
    dz.store(to: unmasked.gradient, at: offset)
    return unmasked.terms(dz, offset, channel)
  }
}

/// What a channel's gradient is made with, [C] each.
private struct Coefficients {
  let mean: UnsafePointer<Float>
  let a: UnsafePointer<Float>
  let b: UnsafePointer<Float>
  let c: UnsafePointer<Float>
}

/// dx = a·dz + b·(x − μ) + c.
private struct InputGradient<Element: KernelElement>: ChannelPass {
  let dz: UnsafePointer<Element>
  let x: UnsafePointer<Element>
  let coefficients: Coefficients
  let dx: UnsafeMutablePointer<Element>

  @inline(__always)
  func value<L: Lanes>(_ offset: Int, _ channel: Int) -> L {
    L(coefficients.c, at: channel)
      .addingProduct(
        L(coefficients.b, at: channel), L(x, at: offset) - L(coefficients.mean, at: channel)
      )
      .addingProduct(L(coefficients.a, at: channel), L(dz, at: offset))
  }

  @inline(__always)
  func run<L: Lanes>(_ offset: Int, _ channel: Int, _ lanes: L.Type) {
    let value: L = value(offset, channel)
    value.store(to: dx, at: offset)
  }
}

/// The same, added to what dx holds.
private struct AddedInputGradient<Element: KernelElement>: ChannelPass {
  let gradient: InputGradient<Element>

  @inline(__always)
  func run<L: Lanes>(_ offset: Int, _ channel: Int, _ lanes: L.Type) {
    let value: L = gradient.value(offset, channel)
    (L(gradient.dx, at: offset) + value).store(to: gradient.dx, at: offset)
  }
}
