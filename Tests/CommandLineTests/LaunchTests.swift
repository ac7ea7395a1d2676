/// What starts the ranks: launchers of other MPI libraries, batch scripts, and what a node must have.

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

    @Test("a node needs no Swift, and all else is in launch/setup --node")
    func nodeLibraries() throws {
      let script = """
        ldd "$1" | grep -E 'libswift|[Ff]oundation|libdispatch|BlocksRuntime|not found'
        command -v dpkg >/dev/null || { echo 'skipped the packages: no dpkg'; exit; }
        listed=$(launch/setup --node --list)
        for name in $(readelf -d "$1" | sed -n 's/.*(NEEDED).*\\[\\(.*\\)\\]/\\1/p'); do
          path=$(ldd "$1" | awk -v name="$name" '$1 == name { print $3 }')
          [ -n "$path" ] || continue
          path=$(readlink -f "$path")
          package=$({ dpkg -S "$path" || dpkg -S "${path#/usr}"; } 2>/dev/null | sed 's/:.*//' | head -n 1)
          case "$package" in libc6 | libgcc-s1) continue ;; esac
          grep -qx "$package" <<<"$listed" || echo "$name: $package"
        done
        """
      let outcome = try ProcessRunner.run(
        "/usr/bin/env", ["bash", "-c", script, "bash", Job.executable], directory: Job.root,
        timeout: Job.patience)
      #expect(outcome.standardError.isEmpty, "\(outcome.standardError)")
      if outcome.standardOutput.hasPrefix("skipped") { return print(outcome.standardOutput) }
      #expect(outcome.standardOutput.isEmpty, "\(outcome.standardOutput)")
    }
  }
}
