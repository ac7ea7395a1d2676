/// What `--version` prints: which build this is, and what it runs on.

import BuildInformation
import Console
import Kernels
import MPI

enum VersionText {
  static var text: String {
    var table = SummaryTable()
    table.add("commit", BuildInformation.commit() ?? "unknown: built without git")
    table.add("kernels", "Swift SIMD for \(ProcessorTarget.instructionSet)")
    table.add("precision", "fp32; bf16 by \(ProcessorTarget.bfloat16)")
    table.add("MPI", MPIEnvironment.libraryName)
    table.add("BLAS", "\(MatrixProduct.libraryVersion) for \(MatrixProduct.coreName)")
    return "resnet-dist \(BuildInformation.version)\n" + String(table.description.dropLast())
  }
}
