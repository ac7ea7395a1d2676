/// MPI's life in this process: from `MPI_Init_thread` to `MPI_Finalize`.

internal import CMPI

/// Proof that MPI is initialized, owned by whoever starts and ends it.
///
/// Not copyable, and ``finalize()`` consumes it, so MPI is ended once and nothing can be asked of the
/// environment afterwards. It has no `deinit` on purpose: `MPI_Finalize` waits for all ranks, so a
/// rank that leaves because of an error must *not* enter it, or it waits for ranks that wait for
/// it. An environment that is dropped instead leaves MPI as it is; the process then ends without
/// finalizing, which `mpirun` reports as a failure and answers by ending the other ranks.
public struct MPIEnvironment: ~Copyable {
  /// What the library grants, at least what was requested.
  public let threadLevel: ThreadLevel

  /// Initializes MPI; once per process. Errors of the world are thrown from here on instead of
  /// ending the job.
  ///
  /// Throws if MPI was initialized before, or if the library grants less than `required`.
  /// The corresponding MPI function is `MPI_Init_thread`.
  public init(requiring required: ThreadLevel = .funneled) throws(MPIError) {
    threadLevel = try Self.start(required)
  }

  private static func start(_ required: ThreadLevel) throws(MPIError) -> ThreadLevel {
    let operation: StaticString = "MPI_Init_thread"
    guard !isInitialized else {
      throw MPIError(.other, operation: operation, text: "MPI was initialized before")
    }
    _ = LaunchedProcess.current
    var provided: Int32 = 0
    try check(MPI_Init_thread(nil, nil, required.native, &provided), operation)
    for communicator in [shim_comm_world(), shim_comm_self()] {
      try check(
        MPI_Comm_set_errhandler(communicator, shim_errors_return()), "MPI_Comm_set_errhandler")
    }
    let granted = ThreadLevel(native: provided)
    guard granted >= required else {
      throw MPIError(
        .unsupported, operation: operation,
        text: "thread level \(required) was requested, this MPI library grants \(granted)")
    }
    return granted
  }

  /// Ends MPI; every rank must come here, with all requests done. Nothing may be communicated
  /// afterwards; communicators still alive are ended by MPI.
  ///
  /// A process that returns non-zero afterwards makes `mpirun` end the slower ones at once: let
  /// ranks finish their files, then a ``Communicator/barrier()``, then this.
  /// The corresponding MPI function is `MPI_Finalize`.
  public consuming func finalize() throws(MPIError) {
    try check(MPI_Finalize(), "MPI_Finalize")
  }

  /// Whether MPI was initialized, by anyone, and perhaps finalized since.
  /// The corresponding MPI function is `MPI_Initialized`.
  public static var isInitialized: Bool {
    var flag: Int32 = 0
    MPI_Initialized(&flag)
    return flag != 0
  }

  /// The corresponding MPI function is `MPI_Finalized`.
  public static var isFinalized: Bool {
    var flag: Int32 = 0
    MPI_Finalized(&flag)
    return flag != 0
  }

  /// Whether MPI can be called: initialized and not finalized.
  public static var isActive: Bool { isInitialized && !isFinalized }

  /// The host this process runs on, as MPI calls it.
  /// The corresponding MPI function is `MPI_Get_processor_name`.
  public var processorName: String {
    nativeString(capacity: Int(MPI_MAX_PROCESSOR_NAME)) { MPI_Get_processor_name($0, $1) }
  }

  /// The library's name and version, one line; MPI need not be initialized.
  /// The corresponding MPI function is `MPI_Get_library_version`.
  public static var libraryVersion: String {
    nativeString(capacity: Int(MPI_MAX_LIBRARY_VERSION_STRING)) {
      MPI_Get_library_version($0, $1)
    }
  }

  /// The library's name and version alone, such as `Open MPI v4.1.4`.
  public static var libraryName: String { String(libraryVersion.prefix { $0 != "," }) }

  /// The version of the MPI standard that the library follows, such as 3.1; MPI need not be
  /// initialized. The corresponding MPI function is `MPI_Get_version`.
  public static var standardVersion: (major: Int, minor: Int) {
    var major: Int32 = 0
    var minor: Int32 = 0
    MPI_Get_version(&major, &minor)
    return (Int(major), Int(minor))
  }
}
