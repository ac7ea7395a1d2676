/// Euclidean norms of vectors of Floats.

/// Σ x²: sixteen sums of every sixteenth element, added up from the first on, then the remaining
/// elements. A square of a Float is exact in Double.
public struct SquareSum {
  private var lanes = SIMD16<Double>.zero
  private var rest = 0.0

  @inline(__always)
  mutating func add(_ values: Vector) {
    let wide = values.widened
    lanes += wide * wide
  }

  @inline(__always)
  mutating func add(_ value: Float) {
    rest += Double(value) * Double(value)
  }

  public var sum: Double {
    var sum = 0.0
    for lane in lanes.indices { sum += lanes[lane] }
    return sum + rest
  }

  var norm: Double { sum.squareRoot() }

  /// Of all elements, in an order that depends on their count alone.
  public init(_ elements: Span<Float>) {
    self.init()
    elements.withUnsafeBufferPointer { elements in
      guard let x = elements.baseAddress else { return }
      forEachElementGroup(
        elements.count, wide: { add(x.vector(at: $0)) }, narrow: { add(x[$0]) })
    }
  }

  init() {}
}

extension Vector {
  /// In Double. Lane by lane it compiles to vector conversions; `SIMD16<Double>(_:)` is a call through
  /// memory, with which a norm takes twice as long.
  @inline(__always)
  fileprivate var widened: SIMD16<Double> {
    var wide = SIMD16<Double>()
    for lane in indices { wide[lane] = Double(self[lane]) }
    return wide
  }
}
