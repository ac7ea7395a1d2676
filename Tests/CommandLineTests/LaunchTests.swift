/// What starts the ranks: launchers of other MPI libraries and batch scripts.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct LaunchTests {
    /// A launcher's name, and its variables for the rank in `$rank` of 2.
    static let foreign = [
      ("Hydra", "PMI_RANK=$rank PMI_SIZE=2"),
      ("MVAPICH", "MV2_COMM_WORLD_RANK=$rank MV2_COMM_WORLD_SIZE=2"),
      ("srun", "SLURM_STEP_ID=0 SLURM_PROCID=$rank SLURM_STEP_NUM_TASKS=2"),
    ]

    @Test("ranks that a foreign launcher started end with one error", arguments: foreign)
    func foreignLauncher(name: String, variables: String) throws {
      let folder = try TemporaryDirectory()
      let script = """
        for rank in 1 0; do env \(variables) "$@" & jobs="$jobs $!"; done
        for job in $jobs; do wait $job; codes="$codes $?"; done
        echo "codes:$codes"; exit 2
        """
      let outcome = try ProcessRunner.run(
        "/usr/bin/env", ["bash", "-c", script, "bash", Job.executable] + Job.small,
        environment: Job.environment, directory: folder.path, timeout: Job.patience)
      expectFailure(outcome, exitCode: 2, naming: ["Open MPI", "mpirun", "codes: 2 2"])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    /// Variables, and what starts the program under them.
    static let harmless: [([String], [String])] = [
      (["SLURM_JOB_ID=7", "SLURM_PROCID=0", "SLURM_NTASKS=8"], []),
      (["PMI_RANK=1", "PMI_SIZE=4"], ["mpirun", "-n", "1"]),
      (["PMI_RANK=0", "PMI_SIZE=1"], []),
    ]

    @Test("a plain run in a batch script and mpirun -n 1 in any job train", arguments: harmless)
    func harmlessVariables(variables: [String], launcher: [String]) throws {
      let folder = try TemporaryDirectory()
      let outcome = try ProcessRunner.run(
        "/usr/bin/env",
        variables + launcher + [Job.executable] + Job.small
          + ["--iterations", "2", "--run-dir", folder.file("run")],
        environment: Job.environment, timeout: 60)
      #expect(outcome.exitCode == 0, "\(outcome)")
      #expect(outcome.standardOutput.contains("ranks         1 ×"), "\(outcome)")
    }

    @Test("a command without ranks needs no MPI in a job step of one task")
    func commandWithoutRanks() throws {
      let outcome = try ProcessRunner.run(
        "/usr/bin/env",
        ["SLURM_STEP_ID=0", "SLURM_PROCID=0", "SLURM_STEP_NUM_TASKS=1", Job.executable, "recipes"],
        timeout: Job.patience)
      #expect(outcome.exitCode == 0 && outcome.standardError.isEmpty, "\(outcome)")
    }
  }
}
