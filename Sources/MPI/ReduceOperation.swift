/// The operations that reductions combine elements with; only pairs that MPI defines compile.

internal import CMPI

/// How two elements become one. The corresponding MPI type is `MPI_Op`.
///
/// MPI leaves the order of a reduction to the library: floating-point sums may differ in the last
/// bits between numbers of ranks, buffer sizes and libraries. Sums of integers, minima, maxima and
/// the bitwise operations are exact. Integer sums wrap.
public struct ReduceOperation<Element: MPIDatatype> {
  let handle: MPI_Op
  private init(_ handle: MPI_Op) { self.handle = handle }
}

extension ReduceOperation where Element: MPINumber {
  /// `MPI_SUM`.
  public static var sum: Self { Self(shim_sum()) }
  /// `MPI_PROD`.
  public static var product: Self { Self(shim_product()) }
  /// `MPI_MIN`. With NaN among the elements the result is not defined.
  public static var min: Self { Self(shim_min()) }
  /// `MPI_MAX`. With NaN among the elements the result is not defined.
  public static var max: Self { Self(shim_max()) }
}

extension ReduceOperation where Element: MPIInteger {
  /// `MPI_LAND`: non-zero where every element is non-zero. (1, but on a single rank the element.)
  public static var logicalAnd: Self { Self(shim_logical_and()) }
  /// `MPI_LOR`: non-zero where some element is non-zero. (1, but on a single rank the element.)
  public static var logicalOr: Self { Self(shim_logical_or()) }
  /// `MPI_BAND`.
  public static var bitwiseAnd: Self { Self(shim_bitwise_and()) }
  /// `MPI_BOR`.
  public static var bitwiseOr: Self { Self(shim_bitwise_or()) }
  /// `MPI_BXOR`.
  public static var bitwiseXor: Self { Self(shim_bitwise_xor()) }
}

extension ReduceOperation where Element == ValueAndRank {
  /// `MPI_MINLOC`: the smallest value with its rank, the lowest rank among equals.
  public static var minLocation: Self { Self(shim_min_location()) }
  /// `MPI_MAXLOC`: the largest value with its rank, the lowest rank among equals.
  public static var maxLocation: Self { Self(shim_max_location()) }
}
