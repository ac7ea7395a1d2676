/// Arrays with their axes in reverse order, element by element.

import Kernels
import Tensors
import TestSupport
import Testing

@Suite struct AxisReversalTests {
  @Test(
    "each element is where its indices in reverse say, and nothing else is touched",
    arguments: [
      [1, 1, 1], [1, 1, 37], [9, 16, 16], [9, 17, 33], [1, 40, 23], [49, 3, 64], [48, 5, 1],
      [5, 0, 3],
    ])
  func elements(_ shape: [Int]) {
    let (first, second, third) = (shape[0], shape[1], shape[2])
    let count = first * second * third
    let source = GuardedMemory<Float>((0..<count).map(Float.init))
    let target = GuardedMemory<Float>(repeating: .nan, count: count)
    AxisReversal.copy(
      source.view, first: first, second: second, third: third, to: target.mutableView)
    var expected: [Float] = []
    for k in 0..<third {
      for j in 0..<second {
        for i in 0..<first { expected.append(Float((i * second + j) * third + k)) }
      }
    }
    #expect(target.values == expected)
  }
}
