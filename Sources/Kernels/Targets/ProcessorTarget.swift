/// The processor that the kernels were compiled for, and the one they run on.

import CProcessor

public enum ProcessorTarget {
  /// The vector instructions that the kernels use: `AVX-512`, `AVX2`, `NEON`.
  public static var instructionSet: String { String(cString: compiled_instruction_set()) }

  /// How products of bfloat16 are computed, for people.
  public static var bfloat16: String {
    if has_bfloat16_products() { return "VDPBF16PS" }
    return processor_has_bfloat16_products()
      ? "two multiply-adds; this processor has VDPBF16PS, so a build for it is faster"
      : "two multiply-adds, the same bits as VDPBF16PS"
  }

  /// What `RESNET_DIST_CPU` takes to build for nearly every machine of this architecture.
  #if arch(arm64)
    private static let common = "generic"
  #else
    private static let common = "x86-64-v3"
  #endif

  /// Why the kernels cannot run on this processor, or nil.
  ///
  /// To be asked before any kernel runs: a missing instruction ends the process.
  /// - Parameter host: this machine's name.
  public static func mismatch(on host: String) -> String? {
    guard let missing = missing_extension() else { return nil }
    return """
      this program was built for a processor with \(String(cString: missing)), which that of \(host) lacks: build it \
      there with launch/setup, or for all machines with RESNET_DIST_CPU=\(common) launch/setup
      """
  }
}
