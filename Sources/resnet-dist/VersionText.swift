/// What `--version` prints: which build this is, and what it runs on.

import BuildInformation
import Console
import Kernels
import MPI
import System

enum VersionText {
  /// What two builds differ in, on one line.
  static var build: String {
    BuildInformation.name + (BuildIdentifier.hexadecimal.map { ", build \($0.prefix(16))" } ?? "")
  }

  static var text: String {
    var table = SummaryTable()
    table.add("commit", BuildInformation.commit() ?? "unknown: built without git")
    table.add("build", BuildIdentifier.hexadecimal ?? "unknown: linked without --build-id")
    table.add("kernels", "Swift SIMD for \(ProcessorTarget.instructionSet)")
    table.add(
      "precision",
      "fp32; bf16 by \(ProcessorTarget.bfloat16); bf16-amx by \(ProcessorTarget.bfloat16Tiles)")
    table.add("MPI", MPIEnvironment.libraryName)
    table.add("BLAS", "\(MatrixProduct.libraryVersion) for \(MatrixProduct.coreName)")
    return "resnet-dist \(BuildInformation.version)\n" + String(table.description.dropLast())
  }
}
