/// ReLU and addition over whole tensors, where they are not fused into a normalization.

import Tensors

public enum Elementwise {
  /// output = max(0, input); `output` may be the memory of `input`. NaN stays NaN.
  public static func relu(_ input: ImageTensor, output: ImageTensor) {
    let x = UnsafePointer(input.base)
    let y = output.base
    forEachElementGroup(
      input.count,
      wide: {
        let value = x.vector(at: $0)
        y.store(value.replacing(with: 0, where: value .< 0), at: $0)
      },
      narrow: { y[$0] = x[$0] < 0 ? 0 : x[$0] })
  }

  /// inputGradient (+)= outputGradient where the ReLU's output is positive. `inputGradient` may be the memory
  /// of `outputGradient` unless `accumulate`.
  public static func reluBackward(
    outputGradient: ImageTensor, output: ImageTensor, inputGradient: ImageTensor, accumulate: Bool
  ) {
    let dy = UnsafePointer(outputGradient.base)
    let y = UnsafePointer(output.base)
    let dx = inputGradient.base
    if accumulate {
      forEachElementGroup(
        output.count,
        wide: {
          let masked = dy.vector(at: $0).replacing(with: 0, where: .!(y.vector(at: $0) .> 0))
          dx.store(dx.vector(at: $0) + masked, at: $0)
        },
        narrow: { if y[$0] > 0 { dx[$0] += dy[$0] } })
    } else {
      forEachElementGroup(
        output.count,
        wide: {
          dx.store(dy.vector(at: $0).replacing(with: 0, where: .!(y.vector(at: $0) .> 0)), at: $0)
        },
        narrow: { dx[$0] = y[$0] > 0 ? dy[$0] : 0 })
    }
  }

  /// output = first + second; `output` may be either's memory.
  public static func add(
    _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>,
    output: UnsafeMutablePointer<Float>, count: Int
  ) {
    forEachElementGroup(
      count,
      wide: { output.store(first.vector(at: $0) + second.vector(at: $0), at: $0) },
      narrow: { output[$0] = first[$0] + second[$0] })
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
