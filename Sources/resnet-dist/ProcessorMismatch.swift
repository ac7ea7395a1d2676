/// A program that was built for a newer processor than the one that it runs on.

/// In a module that is compiled for any processor, unlike the kernels.
struct ProcessorMismatch: CustomStringConvertible {
  /// The name of an extension that this processor lacks.
  let missing: String
  /// This machine's name.
  let host: String

  /// What `RESNET_DIST_CPU` takes to build for nearly every machine of this architecture.
  #if arch(arm64)
    private static let common = "generic"
  #else
    private static let common = "x86-64-v3"
  #endif

  var description: String {
    """
    this program was built for a processor with \(missing), which that of \(host) lacks: build it there with \
    launch/setup, or for all machines with RESNET_DIST_CPU=\(Self.common) launch/setup
    """
  }
}
