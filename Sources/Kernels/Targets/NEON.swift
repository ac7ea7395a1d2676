/// arm64 with NEON: 32 registers of 4 floats.

extension KernelTarget {
  /// 6 × 1 vectors are 24 of the 32 registers. Panels and blocks are those of AVX-512, and so are the
  /// cache sizes, until they are measured on such a machine.
  @inline(__always)
  static var neon: KernelTarget {
    KernelTarget(
      registerFloats: 4, microKernel: .rows6Vectors1, mr: avx512.mr, nr: avx512.nr,
      mc: avx512.mc, kc: avx512.kc, l1: avx512.l1, l2: avx512.l2, l3: avx512.l3)
  }
}
