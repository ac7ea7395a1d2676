/// `launch/run` and `launch/environment`: what is needed, how many ranks there are, and how `mpirun` is looked after.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct LaunchRunTests {
    /// A folder with `launch/run` and, in place of `launch/setup`, one that fails.
    private func checkout() throws -> TemporaryDirectory {
      let folder = try TemporaryDirectory()
      let manager = FileManager.default
      for name in ["launch", ".build/release"] {
        try manager.createDirectory(atPath: folder.file(name), withIntermediateDirectories: true)
      }
      for name in ["run", "environment"] {
        try manager.copyItem(
          atPath: "\(Job.root)/launch/\(name)", toPath: folder.file("launch/\(name)"))
      }
      try write("echo setup was called >&2; exit 9", to: folder.file("launch/setup"))
      return folder
    }

    private func write(_ script: String, to path: String) throws {
      try "#!/usr/bin/env bash\n\(script)\n".write(toFile: path, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }

    /// Whether the program is built, whether RESNET_DIST_EXECUTABLE names one, whether there is a compiler; and what
    /// must come of it.
    static let means = [
      (true, true, false, 0), (false, true, true, 0), (true, false, false, 0),
      (true, false, true, 9), (false, false, false, 9),
    ]

    @Test("what needs no build needs no compiler and no home", arguments: means)
    func withoutBuild(isBuilt: Bool, isGiven: Bool, hasSwift: Bool, exitCode: Int) throws {
      let folder = try checkout()
      let built = folder.file(".build/release/resnet-dist")
      if isBuilt { try write("exit 0", to: built) }
      // Two processors of one core.
      let standIns = """
        command() {
          if [ "$2" = swift ]; then \(hasSwift); else builtin command "$@"; fi
        }
        mpirun() { echo "mpirun $*"; }
        lscpu() { printf '%s\\n' '# CPU' 0,0,0 1,0,0; }
        taskset() { echo "pid 7's current affinity list: 0,1"; }
        export -f command mpirun lscpu taskset
        exec launch/run --epochs 1
        """
      let outcome = try ProcessRunner.run(
        "/usr/bin/env", ["bash", "-c", standIns],
        environment: ["HOME": nil, "RESNET_DIST_EXECUTABLE": isGiven ? "given" : nil],
        directory: folder.path, timeout: Job.patience)
      #expect(outcome.exitCode == Int32(exitCode), "\(outcome)")
      #expect(outcome.standardError.contains("setup was called") == (exitCode == 9), "\(outcome)")
      let started = "mpirun -n 1 \(isGiven ? "given" : built) --epochs 1\n"
      #expect(outcome.standardOutput == (exitCode == 0 ? started : ""), "\(outcome)")
    }

    /// Runs functions of `launch/environment`.
    private func environment(_ script: String) throws -> String {
      let outcome = try ProcessRunner.run(
        "/usr/bin/env", ["bash", "-c", "set -eu; source launch/environment\n\(script)"],
        directory: Job.root, timeout: Job.patience)
      #expect(outcome.exitCode == 0 && !outcome.timedOut, "\(outcome)")
      return outcome.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// Processors of a machine, its cores, those that may be used, how many these are, and the ranks.
    static let machines: [(Int, Int, String, Int, Int)] = [
      (8, 4, "0-7", 8, 4), (8, 4, "0-3", 4, 4), (8, 4, "0,4", 2, 1), (8, 4, "2-6:2,7", 4, 3),
      // A quota of two processors.
      (8, 4, "0-7", 2, 2), (384, 192, "0-383", 384, 128),
      // Without lscpu.
      (0, 0, "0-5", 6, 6),
    ]

    @Test(
      "launch/run starts a rank on each physical core that may be used, at most 128",
      arguments: machines)
    func ranks(processors: Int, cores: Int, allowed: String, count: Int, expected: Int) throws {
      let ranks = try environment(
        """
        resnet_dist_cores() { echo \(count); }
        taskset() { echo "pid 7's current affinity list: \(allowed)"; }
        lscpu() {
          local cpu
          [ \(cores) -gt 0 ] || return 1
          echo '# CPU,Core,Socket'
          for ((cpu = 0; cpu < \(processors); cpu++)); do echo "$cpu,$((cpu % \(cores))),0"; done
        }
        resnet_dist_default_ranks
        """)
      #expect(ranks == "\(expected)")
    }

    @Test(
      "an mpirun without children has 30 seconds more than it waits itself", arguments: [0, 30])
    func patience(timeout: Int) throws {
      guard FileManager.default.fileExists(atPath: "/proc/self/task/\(getpid())/children") else {
        return print("skipped: this kernel does not tell a process's children")
      }
      let naps = try environment(
        """
        export OMPI_MCA_odls_base_sigkill_timeout=\(timeout)
        "$(command -v sleep)" 60 & job=$!
        naps=0
        sleep() { naps=$((naps + 1)); }
        resnet_dist_end_hung $job && echo "it has ended"
        echo $naps
        """)
      #expect(naps == "\(2 * timeout + 30 - 1)")
    }

    @Test("Ctrl-Z suspends the ranks, and they go on with the script")
    func suspended() throws {
      let folder = try checkout()
      try write(
        "echo $$ >rank; while [ ! -e done ]; do sleep 0.1; done", to: folder.file("program"))
      let script = """
        # is PROCESS STATES: waits until it is in one of them.
        is() {
          local i
          for ((i = 0; i < 200; i++)); do
            if grep -qs "^State:[[:space:]]*[$2]" "/proc/$1/status"; then return; fi
            sleep 0.1
          done
          echo "$1 is not in $2"; exit 1
        }
        launch/run -n 1 & job=$!
        until [ -s rank ]; do sleep 0.1; done
        kill -TSTP $job
        is $job T; is $(cat rank) T
        kill -CONT $job
        is $job SR; is $(cat rank) SR
        touch done
        wait $job
        """
      var environment = Job.environment
      environment["RESNET_DIST_EXECUTABLE"] = folder.file("program")
      let outcome = try ProcessRunner.run(
        "/usr/bin/env", ["bash", "-c", script], environment: environment, directory: folder.path,
        timeout: 60)
      #expect(outcome.exitCode == 0 && !outcome.timedOut, "\(outcome)")
      #expect(outcome.standardOutput.isEmpty, "\(outcome)")
    }
  }
}
