/// Scaling of each image's channels: the excitation of squeeze-and-excitation (Hu et al. 2018, arXiv
/// 1709.01507, eq. 4).

import Tensors

/// y[n, h, w, c] = x[n, h, w, c] · s[n, c], for a map x [N, H, W, C] and a scale s [N, 1, 1, C] of Float.
///
/// Images are independent: what an image's result is does not depend on the others of the call.
public enum ChannelScale {
  /// output = input · scale; `output` may be the memory of `input`.
  public static func forward(_ input: ImageTensor, scale: ImageTensor, output: ImageTensor) {
    apply(scale, to: input, result: output, accumulate: false)
  }

  /// The gradient of the map: inputGradient (+)= outputGradient · scale.
  ///
  /// `inputGradient` may be the memory of `outputGradient` unless `accumulate`.
  public static func backwardInput(
    outputGradient: ImageTensor, scale: ImageTensor, inputGradient: ImageTensor, accumulate: Bool
  ) {
    apply(scale, to: outputGradient, result: inputGradient, accumulate: accumulate)
  }

  /// The gradient of the scale: scaleGradient[n, c] (+)= Σ over h, w of outputGradient · input.
  ///
  /// The sum of an image and channel starts from 0, or from the present value if `accumulate`, and
  /// takes its pixels in order of memory, each with one fused multiply-add.
  public static func backwardScale(
    outputGradient: ImageTensor, input: ImageTensor, scaleGradient: ImageTensor, accumulate: Bool
  ) {
    switch input.element {
    case .float32:
      addScaleGradient(
        outputGradient.view(of: Float.self), input.view(), scaleGradient.view(), accumulate)
    case .bfloat16:
      addScaleGradient(
        outputGradient.view(of: BFloat16.self), input.view(), scaleGradient.view(), accumulate)
    }
  }

  private static func addScaleGradient<Element: KernelElement>(
    _ outputGradient: TensorView<Element>, _ input: TensorView<Element>,
    _ scaleGradient: TensorView<Float>, _ accumulate: Bool
  ) {
    let channels = input.channels
    require(
      outputGradient.count == input.count && scaleGradient.count == input.images * channels,
      "a scale has one element per image and channel of its map")
    if !accumulate { scaleGradient.base.update(repeating: 0, count: scaleGradient.count) }
    forEachPixel(of: input) { image, pixel in
      let x = UnsafePointer(input.base + pixel)
      let dy = UnsafePointer(outputGradient.base + pixel)
      let sums = scaleGradient.base + image * channels
      @inline(__always) func add<Value: Lanes>(_: Value.Type, _ channel: Int) {
        Value(sums, at: channel)
          .addingProduct(Value(dy, at: channel), Value(x, at: channel))
          .store(to: sums, at: channel)
      }
      forEachChannelGroup(
        channels, wide: { add(Vector.self, $0) }, narrow: { add(Float.self, $0) })
    }
  }

  /// result (+)= map · scale.
  private static func apply(
    _ scale: ImageTensor, to map: ImageTensor, result: ImageTensor, accumulate: Bool
  ) {
    switch map.element {
    case .float32:
      apply(scale.view(), to: map.view(of: Float.self), result.view(), accumulate: accumulate)
    case .bfloat16:
      apply(scale.view(), to: map.view(of: BFloat16.self), result.view(), accumulate: accumulate)
    }
  }

  @inline(__always)
  private static func apply<Element: KernelElement>(
    _ scale: TensorView<Float>, to map: TensorView<Element>, _ result: TensorView<Element>,
    accumulate: Bool
  ) {
    let channels = map.channels
    require(
      result.count == map.count && scale.count == map.images * channels,
      "a scale has one element per image and channel of its map")
    forEachPixel(of: map) { image, pixel in
      let x = UnsafePointer(map.base + pixel)
      let y = result.base + pixel
      let factors = UnsafePointer(scale.base + image * channels)
      @inline(__always) func multiply<Value: Lanes>(_: Value.Type, _ channel: Int) {
        let product = Value(x, at: channel) * Value(factors, at: channel)
        (accumulate ? Value(y, at: channel) + product : product).store(to: y, at: channel)
      }
      forEachChannelGroup(
        channels, wide: { multiply(Vector.self, $0) }, narrow: { multiply(Float.self, $0) })
    }
  }

  /// Calls `body` with each pixel's image and the offset of its first channel, in order of memory.
  @inline(__always)
  private static func forEachPixel<Element: KernelElement>(
    of map: TensorView<Element>, _ body: (_ image: Int, _ offset: Int) -> Void
  ) {
    let area = map.shape.area
    for image in 0..<map.images {
      for pixel in 0..<area { body(image, (image * area + pixel) * map.channels) }
    }
  }
}
