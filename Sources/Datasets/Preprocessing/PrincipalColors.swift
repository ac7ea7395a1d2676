/// The directions in which colours vary most: what AlexNet's colour noise is made of (Krizhevsky et al.
/// 2012, §4.1).

/// Eigenvalues and eigenvectors of the covariance of red, green and blue.
public struct PrincipalColors: Equatable, Sendable {
  /// [3], variances in units of (pixel/255)², the largest first.
  public let variances: [Double]
  /// [3, 3], a unit vector a row; the entry of largest magnitude is positive.
  public let directions: [Double]

  /// Jacobi's method.
  ///
  /// - Parameter covariance: [3, 3], symmetric.
  public init(covariance: [Double]) {
    precondition(covariance.count == 9)
    var matrix = covariance
    var vectors: [Double] = [1, 0, 0, 0, 1, 0, 0, 0, 1]
    // Each sweep squares what is left beside the diagonal.
    for _ in 0..<16 {
      for (p, q) in [(0, 1), (0, 2), (1, 2)] where matrix[p * 3 + q] != 0 {
        let theta = (matrix[q * 3 + q] - matrix[p * 3 + p]) / (2 * matrix[p * 3 + q])
        let sign: Double = theta < 0 ? -1 : 1
        let tangent = sign / (abs(theta) + (theta * theta + 1).squareRoot())
        let cosine = 1 / (tangent * tangent + 1).squareRoot()
        let sine = tangent * cosine
        for k in 0..<3 {
          let (left, right) = (matrix[k * 3 + p], matrix[k * 3 + q])
          matrix[k * 3 + p] = cosine * left - sine * right
          matrix[k * 3 + q] = sine * left + cosine * right
        }
        for k in 0..<3 {
          let (upper, lower) = (matrix[p * 3 + k], matrix[q * 3 + k])
          matrix[p * 3 + k] = cosine * upper - sine * lower
          matrix[q * 3 + k] = sine * upper + cosine * lower
          let (first, second) = (vectors[p * 3 + k], vectors[q * 3 + k])
          vectors[p * 3 + k] = cosine * first - sine * second
          vectors[q * 3 + k] = sine * first + cosine * second
        }
      }
    }
    let order = (0..<3).sorted { matrix[$0 * 4] > matrix[$1 * 4] }
    variances = order.map { max(0, matrix[$0 * 4]) }
    directions = order.flatMap { row in
      let vector = Array(vectors[row * 3..<row * 3 + 3])
      let largest = vector.max { abs($0) < abs($1) } ?? 1
      return vector.map { largest < 0 ? -$0 : $0 }
    }
  }
}
