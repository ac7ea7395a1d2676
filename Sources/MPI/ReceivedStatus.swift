/// What is known about a message that was received or probed.

internal import CMPI

/// The corresponding MPI type is `MPI_Status`.
public struct ReceivedStatus: Sendable {
  var native: MPI_Status

  init() { native = MPI_Status() }

  /// The sender's rank.
  public var source: Int { Int(native.MPI_SOURCE) }

  /// The sender's tag.
  public var tag: Int { Int(native.MPI_TAG) }

  /// The length of the message in elements of the type it was sent as; nil where that is not a whole
  /// number. The corresponding MPI function is `MPI_Get_count`.
  public func count<Element: MPIDatatype>(of element: Element.Type) -> Int? {
    var status = native
    var count: Int32 = 0
    guard MPI_Get_count(&status, element.datatype.handle, &count) == MPI_SUCCESS else {
      return nil
    }
    return count == MPI_UNDEFINED ? nil : Int(count)
  }
}
