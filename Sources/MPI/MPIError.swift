/// The error every call of this module throws, and the one place that makes it from a return code.

internal import CMPI
import Synchronization

/// A failed MPI operation.
///
/// MPI does not promise that communication still works after an error. What a caller can count on:
/// the message is readable, and other ranks may be waiting in the same operation, so the usual answer
/// is ``Communicator/abort(code:reason:)``.
public struct MPIError: Error, Hashable, CustomStringConvertible {
  /// The return code; for errors found before MPI was called, the code of the error class.
  public let code: Int32
  /// The kind of error, the same for every MPI library.
  public let errorClass: ErrorClass
  /// The MPI function's name, such as `MPI_Allreduce`. A request's error carries the name of the
  /// function that started it.
  public let operation: String
  /// The rank in the world on which the error was seen.
  public let rank: Int
  /// The library's text for the code, or what was wrong with the arguments.
  public let text: String

  public var description: String { "\(operation) failed on rank \(rank): \(text)" }

  /// The kinds of error that callers tell apart; others have only their raw value.
  public struct ErrorClass: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let buffer = ErrorClass(rawValue: MPI_ERR_BUFFER)
    public static let count = ErrorClass(rawValue: MPI_ERR_COUNT)
    public static let tag = ErrorClass(rawValue: MPI_ERR_TAG)
    public static let communicator = ErrorClass(rawValue: MPI_ERR_COMM)
    public static let rank = ErrorClass(rawValue: MPI_ERR_RANK)
    public static let root = ErrorClass(rawValue: MPI_ERR_ROOT)
    /// A message was longer than the buffer that received it.
    public static let truncated = ErrorClass(rawValue: MPI_ERR_TRUNCATE)
    public static let unsupported = ErrorClass(rawValue: MPI_ERR_UNSUPPORTED_OPERATION)
    public static let other = ErrorClass(rawValue: MPI_ERR_OTHER)
  }
}

extension MPIError {
  /// The error for a return code. The corresponding MPI functions are `MPI_Error_class` and
  /// `MPI_Error_string`.
  init(code: Int32, operation: StaticString) {
    var errorClass = code
    var text = "error code \(code)"
    if MPIEnvironment.isActive {
      MPI_Error_class(code, &errorClass)
      text = nativeString(capacity: Int(MPI_MAX_ERROR_STRING)) { MPI_Error_string(code, $0, $1) }
    }
    self.init(
      code: code, errorClass: ErrorClass(rawValue: errorClass), operation: operation, text: text)
  }

  /// The error for arguments that MPI was not called with.
  init(_ errorClass: ErrorClass, operation: StaticString, text: String) {
    self.init(code: errorClass.rawValue, errorClass: errorClass, operation: operation, text: text)
  }

  private init(code: Int32, errorClass: ErrorClass, operation: StaticString, text: String) {
    self.code = code
    self.errorClass = errorClass
    self.operation = operation.description
    self.rank = worldRank
    self.text = text
    let description = self.description
    lastError.withLock { $0 = description }
  }
}

/// The most recent error, for the message of a request that is dropped while the error unwinds.
let lastError = Mutex<String?>(nil)

/// Throws the error for `code` unless it is `MPI_SUCCESS`.
@inline(__always)
func check(_ code: Int32, _ operation: StaticString) throws(MPIError) {
  if code != MPI_SUCCESS { throw MPIError(code: code, operation: operation) }
}

/// This process's rank in the world: from MPI when it runs, else from the launcher, else 0.
var worldRank: Int {
  guard MPIEnvironment.isActive else { return LaunchedProcess.current?.rank ?? 0 }
  var rank: Int32 = 0
  MPI_Comm_rank(shim_comm_world(), &rank)
  return Int(rank)
}

/// A string that an MPI function writes into a buffer of `capacity` characters.
func nativeString(
  capacity: Int, _ body: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int32>) -> Int32
) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity + 1) { buffer in
    buffer.initialize(repeating: 0)
    var length: Int32 = 0
    guard body(buffer.baseAddress!, &length) == MPI_SUCCESS else { return "" }
    return String(cString: buffer.baseAddress!)
  }
}
