/// The processor that the kernels were compiled for, and the one they run on.

import CProcessor

public enum ProcessorTarget {
  /// The vector instructions that the kernels use: `AVX-512`, `AVX2`, `NEON`.
  public static var instructionSet: String { String(cString: compiled_instruction_set()) }

  /// How products of bfloat16 are computed, for people.
  public static var bfloat16: String {
    if let compiled = bfloat16_instructions() { return String(cString: compiled) }
    return bfloat16_instructions_of_processor().map {
      "two multiply-adds; this processor has \(String(cString: $0)), so a build for it is faster"
    } ?? "two multiply-adds, the same bits as VDPBF16PS"
  }

  /// Whether the processor's AMX computes `ProductArithmetic.bfloat16Tiles`.
  public static var hasTiles: Bool { TileSums.usesTiles }

  /// How products of bfloat16 in tiles are computed, for people.
  public static var bfloat16Tiles: String {
    if hasTiles { return "TDPBF16PS" }
    return may_use_tiles()
      ? "multiply-adds: this processor's TDPBF16PS gives other numbers than Intel's manual"
      : "multiply-adds, the same bits as TDPBF16PS"
  }

  /// The name of an extension that the kernels were compiled for and this processor lacks; nil: it has all.
  ///
  /// To be asked before anything else of this module, which may use what the processor lacks: the function is a chain
  /// of comparisons, so that it runs on any.
  public static var missingExtension: UnsafePointer<CChar>? { missing_extension() }
}
