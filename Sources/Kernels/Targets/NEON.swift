/// arm64 with NEON: 32 registers of 4 floats.

extension KernelTarget {
  /// 6 × 1 vectors are 24 of the 32 registers. Panels and blocks are those of AVX-512, and so are the
  /// cache sizes, until they are measured on such a machine.
  @inline(__always)
  static var neon: KernelTarget {
    avx512.with(registerFloats: 4, microKernel: .rows6Vectors1)
  }
}
