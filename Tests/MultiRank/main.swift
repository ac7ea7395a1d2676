/// The tests that need several ranks: `mpirun -n N multi-rank-tests [part of a name]`.

import Glibc
import MPI

let checks =
  communicatorChecks + collectiveChecks + controlDataChecks + pointToPointChecks + requestChecks
  + errorChecks + launchChecks + reductionChecks + failureChecks + replicaChecks
  + stepChecks + detectionChecks
  + exampleChecks

/// MPI's life is a function's: a global environment could not be consumed.
func runInEnvironment() throws -> Int32 {
  let environment = try MPIEnvironment(requiring: .funneled)
  let code = try run(checks, filter: CommandLine.arguments.dropFirst().first ?? "")
  try environment.finalize()
  return code
}

exit(try runInEnvironment())
