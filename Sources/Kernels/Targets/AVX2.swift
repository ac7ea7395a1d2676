/// x86-64 with AVX2: 16 registers of 8 floats. Also what older x86-64 processors get.

extension KernelTarget {
  /// 6 × 1 vectors are 12 of the 16 registers. Panels and blocks are those of AVX-512, and so are the
  /// cache sizes, until they are measured on such a machine.
  @inline(__always)
  static var avx2: KernelTarget {
    avx512.with(registerFloats: 8, microKernel: .rows6Vectors1)
  }
}
