/// What the kernels know of a machine, as one table: vector registers, micro-kernel, blocking, caches.

import CProcessor

/// A machine, in the letters of Goto and van de Geijn 2008 and of BLIS (Van Zee and van de Geijn 2015).
///
/// To add a machine, add a table next to the others and choose it in `compiled`. **What may differ
/// between the ranks of a run is what is in this table**, because none of it changes a bit:
///   - the micro-kernel, among machines that have fused multiply-add: an element of a product is one
///     chain of them over k in order, whichever registers hold it;
///   - `mr`, `nr`: the order of packed operands in memory, not of sums;
///   - `mc`, `kc`: partial sums between blocks of k are Float32 in memory as they are in registers, so
///     the chain goes through;
///   - cache sizes, where they only bound how much is transformed, copied or packed at a time.
///
/// What must not differ is elsewhere: which algorithm computes a convolution (`ConvolutionChoice`, from the
/// geometry alone), and sizes that decide how a sum is divided (`ReproducibleBlocking`, `sumChannels`).
/// OpenBLAS, which serves only channel counts that fill no vectors, chooses its kernels by itself.
public struct KernelTarget: Hashable, Sendable {
  /// Floats of a vector register.
  public let registerFloats: Int
  let microKernel: MicroKernel
  /// MR: rows of A that are packed together.
  public let mr: Int
  /// NR: columns of B that are packed together, in vectors of sixteen.
  public let nr: Int
  /// MC: rows of A per block; MC × KC of A stay in the second-level cache while B streams by.
  public let mc: Int
  /// KC: steps per block; KC × NR of B stay in the first-level cache. There is no NC: B is packed
  /// once for many products, and a B beyond half of the second-level cache is prefetched by panels.
  /// A multiple of 16, the steps of a group of `ProductArithmetic.bfloat16Tiles`.
  public let kc: Int
  /// Floats of the first-level data cache.
  public let l1: Int
  /// Floats of the second-level cache.
  public let l2: Int
  /// Floats of the third-level cache that one rank may count on.
  public let l3: Int

  /// The register tiles that products are computed in.
  enum MicroKernel {
    /// 12 rows × 2 vectors of sixteen.
    case rows12Vectors2
    /// 6 rows × 1 vector of sixteen, which is several registers.
    case rows6Vectors1
  }

  /// The same blocking and caches with other registers.
  @inline(__always)
  func with(registerFloats: Int, microKernel: MicroKernel) -> KernelTarget {
    KernelTarget(
      registerFloats: registerFloats, microKernel: microKernel, mr: mr, nr: nr, mc: mc, kc: kc,
      l1: l1, l2: l2, l3: l3)
  }

  /// The machine that the kernels were compiled for. Inlined, its fields are constants.
  @inline(__always)
  static var compiled: KernelTarget {
    #if arch(arm64)
      neon
    #else
      has_wide_registers() ? avx512 : avx2
    #endif
  }

  /// The machine that the kernels were compiled for.
  ///
  /// Never inlined: elsewhere the compiler would take the instruction set of the caller's module.
  @inline(never)
  public static var current: KernelTarget { compiled }

  /// All tables.
  @inline(never)
  public static var all: [KernelTarget] { [avx512, avx2, neon] }
}
