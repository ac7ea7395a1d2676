/// ReLU and addition against Float64.

import Kernels
import Tensors
import TestSupport
import Testing

private let counts = [0, 1, 15, 16, 17, 48, 63, 1000]

@Suite struct ElementwiseTests {
  private func row(_ count: Int) -> ImageShape {
    ImageShape(height: 1, width: 1, channels: count)
  }

  @Test("ReLU is max(0, x), apart or in place", arguments: counts)
  func relu(count: Int) {
    var data = TestData(seed: 1)
    let x = data.normalFloats(count: count)
    let expected = x.map { Float(max($0, 0)) }
    let input = GuardedMemory<Float>(x)
    let output = GuardedMemory<Float>(repeating: .nan, count: count)
    Elementwise.relu(
      input.tensor(images: 1, row(count)), output: output.tensor(images: 1, row(count)))
    #expect(output.values == expected, "\(data)")
    Elementwise.relu(
      input.tensor(images: 1, row(count)), output: input.tensor(images: 1, row(count)))
    #expect(input.values == expected, "\(data)")
  }

  @Test("ReLU lets NaN through")
  func notANumber() {
    let x = GuardedMemory<Float>(repeating: .nan, count: 17)
    Elementwise.relu(x.tensor(images: 1, row(17)), output: x.tensor(images: 1, row(17)))
    #expect(x.values.allSatisfy { $0.isNaN })
  }

  @Test(
    "ReLU's gradient is the central difference, written or added", arguments: counts, [false, true])
  func reluBackward(count: Int, accumulate: Bool) {
    var data = TestData(seed: 2)
    let x = data.normalFloats(count: count)
    let dy = data.normalFloats(count: count)
    let before = accumulate ? data.normalFloats(count: count) : x.map { _ in .nan }
    let gradient = GuardedMemory<Float>(before)
    Elementwise.reluBackward(
      outputGradient: GuardedMemory(dy).tensor(images: 1, row(count)),
      output: GuardedMemory(x.map { max($0, 0) }).tensor(images: 1, row(count)),
      inputGradient: gradient.tensor(images: 1, row(count)), accumulate: accumulate)
    var expected = centralDifferences(at: x) { dot($0.map { max($0, 0) }, dy) }
    if accumulate { expected = zip(expected, before).map(+) }
    #expect(normwiseError(gradient.values, expected) < 1e-6, "\(data)")
  }

  @Test("ReLU's gradient is zero where the output is zero")
  func kink() {
    let zeros = GuardedMemory<Float>(repeating: 0, count: 17)
    let gradient = GuardedMemory<Float>(repeating: .nan, count: 17)
    Elementwise.reluBackward(
      outputGradient: GuardedMemory<Float>(repeating: 1, count: 17).tensor(images: 1, row(17)),
      output: zeros.tensor(images: 1, row(17)), inputGradient: gradient.tensor(images: 1, row(17)),
      accumulate: false)
    #expect(gradient.values.allSatisfy { $0 == 0 })
  }

  @Test("the sum is exact, apart or in either operand's memory", arguments: counts)
  func add(count: Int) {
    var data = TestData(seed: 3)
    let a = data.normalFloats(count: count)
    let b = data.normalFloats(count: count)
    let expected = zip(a, b).map { Float($0) + Float($1) }
    let (first, second) = (GuardedMemory<Float>(a), GuardedMemory<Float>(b))
    let apart = GuardedMemory<Float>(repeating: .nan, count: count)
    Elementwise.add(first.pointer, second.pointer, output: apart.pointer, count: count)
    #expect(apart.values == expected, "\(data)")
    Elementwise.add(first.pointer, second.pointer, output: first.pointer, count: count)
    #expect(first.values == expected, "\(data)")
    let again = GuardedMemory<Float>(a)
    Elementwise.add(again.pointer, second.pointer, output: second.pointer, count: count)
    #expect(second.values == expected, "\(data)")
  }

  @Test("one value that is not finite is found wherever it is")
  func finite() {
    for count in [1, 15, 16, 17, 100] {
      var values = (0..<count).map { Float($0) * -1e36 }
      values[0] = .greatestFiniteMagnitude
      let isFinite = Elementwise.isFinite(values, count: count)
      #expect(isFinite)
      for index in 0..<count {
        for bad in [Float.nan, .infinity, -.infinity] {
          var damaged = values
          damaged[index] = bad
          let isFinite = Elementwise.isFinite(damaged, count: count)
          #expect(!isFinite, "\(bad) at \(index) of \(count)")
        }
      }
    }
  }
}
