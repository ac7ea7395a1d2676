/// Derivatives by central differences, and how far two results are apart.

/// Central differences of a scalar function, one element at a time: (f(x+h) − f(x−h)) / 2h.
///
/// The error is about h²·f‴/6 from the formula and ε·f/h from rounding; in Float64 the default step
/// leaves a relative error of 1e-9 for smooth functions of numbers near 1. Two evaluations per
/// element.
///
/// - Parameters:
///   - indices: the elements to differentiate by; all, if not given.
/// - Returns: one derivative per index.
public func centralDifferences(
  at point: [Double], step: Double = 1e-5, indices: [Int]? = nil, of function: ([Double]) -> Double
) -> [Double] {
  var x = point
  return (indices ?? Array(point.indices)).map { index in
    // Divide by the step that was taken, which rounding makes differ from the one asked for.
    let (high, low) = (point[index] + step, point[index] - step)
    x[index] = high
    let above = function(x)
    x[index] = low
    let below = function(x)
    x[index] = point[index]
    return (above - below) / (high - low)
  }
}

/// The largest of |a − b| / max(|a|, |b|, scale) over the elements; infinite if one is not a number
/// or the counts differ.
///
/// - Parameter scale: the magnitude below which differences count absolutely: for sums of many
///   terms, the size of the terms rather than of their sum.
public func relativeError(_ a: [Double], _ b: [Double], scale: Double = 1e-12) -> Double {
  guard a.count == b.count else { return .infinity }
  var largest = 0.0
  for (a, b) in zip(a, b) where a != b {
    let error = abs(a - b) / max(abs(a), abs(b), scale)
    largest = error.isNaN ? .infinity : max(largest, error)
  }
  return largest
}

/// `relativeError` of Float32 results against a Float64 reference.
public func relativeError(_ a: [Float], _ b: [Double], scale: Double = 1e-12) -> Double {
  relativeError(a.map(Double.init), b, scale: scale)
}

/// `relativeError` of two Float32 results.
public func relativeError(_ a: [Float], _ b: [Float], scale: Double = 1e-12) -> Double {
  relativeError(a.map(Double.init), b.map(Double.init), scale: scale)
}

/// The largest difference in terms of the reference's largest value.
public func normwiseError(_ result: [Float], _ reference: [Float]) -> Double {
  relativeError(result, reference, scale: reference.map { Double(abs($0)) }.max() ?? 1)
}
