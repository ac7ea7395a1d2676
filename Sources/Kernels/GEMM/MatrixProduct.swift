/// Single-precision matrix products through OpenBLAS, always on the calling thread.

import COpenBLAS

/// Row-major products with OpenBLAS.
///
/// OpenBLAS is held to one thread: parallelism comes from ranks and from `ThreadTeam`, and a
/// product's order of summation must depend on its shape alone.
public enum MatrixProduct {
  private static let singleThreaded: Void = {
    _ = idleThreads
    openblas_set_num_threads(1)
  }()

  /// Threads that OpenBLAS made when it was loaded, beside the calling one; they have nothing to do.
  public static let idleThreads = Int(openblas_get_num_threads()) - 1

  /// OpenBLAS's name and version.
  public static var libraryVersion: String {
    String(cString: openblas_get_config()).split(separator: " ").prefix(2).joined(separator: " ")
  }

  /// The kernel family that OpenBLAS chose for this CPU, for logs.
  public static var coreName: String {
    _ = singleThreaded
    return String(cString: openblas_get_corename())
  }

  /// C[m, n] = op(A)·op(B) + beta·C. 2·m·n·k FLOPs.
  ///
  /// - Parameters:
  ///   - aStride: elements between A's rows as stored; nil where they lie close.
  ///   - transposeA: A is stored as [k, m] instead of [m, k].
  ///   - transposeB: B is stored as [n, k] instead of [k, n].
  ///   - beta: 0 overwrites C without reading it, 1 accumulates.
  static func multiply(
    m: Int, n: Int, k: Int,
    a: UnsafePointer<Float>, aStride: Int? = nil, transposeA: Bool = false,
    b: UnsafePointer<Float>, bStride: Int? = nil, transposeB: Bool = false,
    beta: Float, c: UnsafeMutablePointer<Float>, cStride: Int? = nil
  ) {
    _ = singleThreaded
    cblas_sgemm(
      CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
      Int32(m), Int32(n), Int32(k),
      1, a, Int32(aStride ?? (transposeA ? m : k)), b, Int32(bStride ?? (transposeB ? k : n)),
      beta, c, Int32(cStride ?? n))
  }
}
