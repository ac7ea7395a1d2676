/// ReLU, addition and rounding over whole tensors, where they are not fused into a normalization.

import Tensors

public enum Elementwise {
  /// output = max(0, input); `output` may be the memory of `input`. NaN stays NaN.
  public static func relu(_ input: ImageTensor, output: ImageTensor) {
    require(output.count == input.count, "a ReLU changes no shape")
    switch input.element {
    case .float32: relu(input.view(of: Float.self), output.view())
    case .bfloat16: relu(input.view(of: BFloat16.self), output.view())
    }
  }

  private static func relu<Element: KernelElement>(
    _ input: TensorView<Element>, _ output: TensorView<Element>
  ) {
    @inline(__always) func element<Value: Lanes>(_: Value.Type, _ index: Int) {
      Value(input.base, at: index).rectified.store(to: output.base, at: index)
    }
    forEachElementGroup(
      input.count, wide: { element(Vector.self, $0) }, narrow: { element(Float.self, $0) })
  }

  /// inputGradient (+)= outputGradient where the ReLU's output is positive. `inputGradient` may be the memory
  /// of `outputGradient` unless `accumulate`.
  public static func reluBackward(
    outputGradient: ImageTensor, output: ImageTensor, inputGradient: ImageTensor, accumulate: Bool
  ) {
    require(
      outputGradient.count == output.count && inputGradient.count == output.count,
      "a ReLU's gradients have its output's size")
    switch output.element {
    case .float32:
      reluBackward(
        outputGradient.view(of: Float.self), output.view(), inputGradient.view(), accumulate)
    case .bfloat16:
      reluBackward(
        outputGradient.view(of: BFloat16.self), output.view(), inputGradient.view(), accumulate)
    }
  }

  private static func reluBackward<Element: KernelElement>(
    _ outputGradient: TensorView<Element>, _ output: TensorView<Element>,
    _ inputGradient: TensorView<Element>, _ accumulate: Bool
  ) {
    let (dy, y, dx) = (outputGradient.base, output.base, inputGradient.base)
    @inline(__always) func element<Value: Lanes>(_: Value.Type, _ index: Int) {
      let masked = Value(dy, at: index).masked(by: Value(y, at: index))
      (accumulate ? Value(dx, at: index) + masked : masked).store(to: dx, at: index)
    }
    forEachElementGroup(
      output.count, wide: { element(Vector.self, $0) }, narrow: { element(Float.self, $0) })
  }

  /// output = first + second; `output` may be either's memory.
  public static func add(
    _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>,
    output: UnsafeMutablePointer<Float>, count: Int
  ) {
    addElements(first, second, output: output, count: count)
  }

  /// output = first + second, tensors of one element type; `output` may be either's memory.
  public static func add(_ first: ImageTensor, _ second: ImageTensor, output: ImageTensor) {
    let count = output.count
    require(first.count == count && second.count == count, "sums are of tensors of one size")
    switch output.element {
    case .float32: addElements(first.base, second.base, output: output.base, count: count)
    case .bfloat16:
      addElements(
        first.view(of: BFloat16.self).base, second.view().base, output: output.view().base,
        count: count)
    }
  }

  @inline(__always)
  static func addElements<Element: KernelElement>(
    _ first: UnsafePointer<Element>, _ second: UnsafePointer<Element>,
    output: UnsafeMutablePointer<Element>, count: Int
  ) {
    @inline(__always) func element<Value: Lanes>(_: Value.Type, _ index: Int) {
      (Value(first, at: index) + Value(second, at: index)).store(to: output, at: index)
    }
    forEachElementGroup(
      count, wide: { element(Vector.self, $0) }, narrow: { element(Float.self, $0) })
  }

  /// Copies a tensor into one as large; elements of another type are converted.
  public static func copy(_ source: ImageTensor, to target: ImageTensor) {
    require(source.count == target.count, "a tensor is copied into one as large")
    switch (source.element, target.element) {
    case (.float32, .float32), (.bfloat16, .bfloat16):
      target.memory.copyMemory(from: source.memory, byteCount: source.byteCount)
    case (.float32, .bfloat16):
      convert(source.view(of: Float.self), to: target.view(of: BFloat16.self), accumulate: false)
    case (.bfloat16, .float32):
      convert(source.view(of: BFloat16.self), to: target.view(of: Float.self), accumulate: false)
    }
  }

  /// target (+)= source, of Float, rounded once.
  public static func take(_ source: ImageTensor, _ target: ImageTensor, accumulate: Bool) {
    let source = source.view(of: Float.self)
    require(source.count == target.count, "a tensor is taken into one as large")
    switch target.element {
    case .float32: convert(source, to: target.view(of: Float.self), accumulate: accumulate)
    case .bfloat16: convert(source, to: target.view(of: BFloat16.self), accumulate: accumulate)
    }
  }

  /// target (+)= source, rounded once.
  @inline(__always)
  static func convert<Source: KernelElement, Target: KernelElement>(
    _ source: TensorView<Source>, to target: TensorView<Target>, accumulate: Bool
  ) {
    let (source, target, count) = (source.base, target.base, source.count)
    @inline(__always) func element<Value: Lanes>(_: Value.Type, _ index: Int) {
      let value = Value(source, at: index)
      (accumulate ? Value(target, at: index) + value : value).store(to: target, at: index)
    }
    forEachElementGroup(
      count, wide: { element(Vector.self, $0) }, narrow: { element(Float.self, $0) })
  }

  /// sum += values, element by element.
  ///
  /// - Precondition: the two have as many elements.
  public static func add(_ values: VectorView<Float>, to sum: MutableVectorView<Float>) {
    require(values.count == sum.count, "sums are of vectors of one length")
    guard let values = values.elements.baseAddress, let base = sum.elements.baseAddress else {
      return
    }
    add(base, values, output: base, count: sum.count)
  }

  /// Whether no element is NaN or infinite.
  public static func isFinite(_ values: VectorView<Float>) -> Bool {
    guard let base = values.elements.baseAddress else { return true }
    return isFinite(base, count: values.count)
  }

  /// Whether no element is NaN or infinite.
  public static func isFinite(_ values: UnsafePointer<Float>, count: Int) -> Bool {
    // x·0 is 0 for finite x and NaN for all others, and NaN stays in a sum.
    var sums = SIMD16<Float>.zero
    var index = 0
    while index + 16 <= count {
      sums += values.vector(at: index) * 0
      index += 16
    }
    var sum = sums.sum()
    while index < count {
      sum += values[index] * 0
      index += 1
    }
    return sum == 0
  }
}
