/// The element types that buffers may have, each tied to its MPI datatype.

internal import CMPI

/// An element that MPI can send: a fixed layout that both sides agree on.
///
/// The set of types is closed: the conformances are those of this file and ``ValueAndRank``.
public protocol MPIDatatype: BitwiseCopyable, Sendable {
  /// The matching MPI datatype.
  static var datatype: Datatype { get }
}

/// An element that MPI can add up, multiply and compare.
public protocol MPINumber: MPIDatatype, Numeric, Comparable {}

/// An element that has bits, for the bitwise and logical reductions.
public protocol MPIInteger: MPINumber, FixedWidthInteger {}

/// A handle of MPI's type `MPI_Datatype`.
public struct Datatype {
  let handle: MPI_Datatype
  init(_ handle: MPI_Datatype) { self.handle = handle }
}

extension Float: MPINumber {
  public static var datatype: Datatype { Datatype(shim_float()) }
}
extension Double: MPINumber {
  public static var datatype: Datatype { Datatype(shim_double()) }
}
extension Int8: MPIInteger {
  public static var datatype: Datatype { Datatype(shim_int8()) }
}
extension UInt8: MPIInteger {
  public static var datatype: Datatype { Datatype(shim_uint8()) }
}
extension Int32: MPIInteger {
  public static var datatype: Datatype { Datatype(shim_int32()) }
}
extension UInt32: MPIInteger {
  public static var datatype: Datatype { Datatype(shim_uint32()) }
}
extension Int64: MPIInteger {
  public static var datatype: Datatype { Datatype(shim_int64()) }
}
extension UInt64: MPIInteger {
  public static var datatype: Datatype { Datatype(shim_uint64()) }
}
/// `Int` travels as 64 bits.
extension Int: MPIInteger {
  public static var datatype: Datatype { Datatype(shim_int64()) }
}

/// A number and where it is: what ``ReduceOperation/minLocation`` and
/// ``ReduceOperation/maxLocation`` compare. The corresponding MPI datatype is `MPI_DOUBLE_INT`.
public struct ValueAndRank: MPIDatatype, Hashable {
  public var value: Double
  public var rank: Int32

  public init(value: Double, rank: Int) {
    self.value = value
    self.rank = Int32(rank)
  }

  public static var datatype: Datatype { Datatype(shim_double_int()) }
}
