/// x86-64 with AVX-512: 32 registers of 16 floats.

extension KernelTarget {
  /// Measured on an Intel Xeon (Sapphire Rapids): 48 KiB, 2 MiB, and 24 MiB of a shared third level.
  ///
  /// 12 × 2 accumulators are 24 of the 32 registers. A panel of KC × NR is 32 KiB, a block of MC × KC
  /// 240 KiB.
  @inline(__always)
  static var avx512: KernelTarget {
    KernelTarget(
      registerFloats: 16, microKernel: .rows12Vectors2, mr: 12, nr: 32, mc: 240, kc: 256,
      l1: 12 * 1024, l2: 512 * 1024, l3: 6 * 1024 * 1024)
  }
}
