/// `resnet-dist job`: its scripts are run by bash with stand-ins for mpirun and the scheduler's commands.

import Foundation
import TestSupport
import Testing

extension CommandLineTests {
  @Suite struct JobTests {
    static let examples = [
      "slurm.sbatch", "slurm-srun.sbatch", "pbs.pbs", "lsf.bsub", "mpijob.yaml",
    ]

    @Test("launch/jobs holds what the command in each file's heading prints", arguments: examples)
    func examplesAreOutput(name: String) throws {
      let path = "\(Job.root)/launch/jobs/\(name)"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      let first = try #require(lines.firstIndex { $0.contains("resnet-dist job ") })
      let command = lines[first...first + 1].map { $0.dropFirst() }.joined(separator: "\n")
      let outcome = try ProcessRunner.run(
        "/usr/bin/env",
        ["bash", "-c", "resnet-dist() { \"$program\" \"$@\"; }\n" + command],
        environment: ["program": Job.executable], directory: Job.root)
      #expect(outcome.exitCode == 0 && outcome.standardError.isEmpty, "\(outcome)")
      #expect(outcome.standardOutput == text, "make it anew with: \(command)")
    }

    @Test("every file of launch/jobs is one of these")
    func examplesAreComplete() throws {
      let names = try FileManager.default.contentsOfDirectory(atPath: "\(Job.root)/launch/jobs")
      #expect(names.sorted() == Self.examples.sorted())
    }

    /// The script that `job` prints.
    private func script(_ flags: [String], _ arguments: [String], in folder: String) throws
      -> String
    {
      let outcome = try ProcessRunner.run(
        Job.executable, ["job"] + flags + ["--"] + arguments, directory: folder)
      #expect(outcome.exitCode == 0 && outcome.standardError.isEmpty, "\(outcome)")
      return outcome.standardOutput
    }

    /// How a stand-in's run goes on.
    struct Course: CustomTestStringConvertible {
      let scheduler: String
      /// A signal that the script gets while its run is under way.
      var signal: String?
      /// The exit code of the run; one that is asked to stop ends with 75.
      var code = 0
      /// Of the script.
      let exit: Int32
      /// The scheduler's commands that the script called.
      var calls = ""
      var variables: [String] = []

      var testDescription: String {
        "\(scheduler), signal \(signal ?? "none"), code \(code), \(variables)"
      }
    }

    static let courses = [
      Course(scheduler: "slurm", exit: 0),
      Course(scheduler: "slurm", code: 1, exit: 1),
      Course(scheduler: "slurm", code: 137, exit: 137),
      Course(scheduler: "slurm", code: 75, exit: 75, calls: "scontrol requeue 41"),
      Course(scheduler: "slurm", signal: "USR1", exit: 75, calls: "scontrol requeue 41"),
      Course(scheduler: "slurm", signal: "TERM", exit: 75),
      Course(scheduler: "slurm", code: 75, exit: 75, variables: ["SLURM_RESTART_COUNT=200"]),
      Course(scheduler: "pbs", exit: 0),
      Course(
        scheduler: "pbs", signal: "USR1", exit: 75, calls: "qsub -v RESNET_DIST_RESTARTS=1 r8.pbs"),
      Course(
        scheduler: "pbs", code: 75, exit: 75, calls: "qsub -v RESNET_DIST_RESTARTS=8 r8.pbs",
        variables: ["RESNET_DIST_RESTARTS=7"]),
      Course(scheduler: "pbs", signal: "TERM", exit: 75),
      Course(scheduler: "lsf", signal: "USR1", exit: 75),
      Course(scheduler: "lsf", signal: "TERM", exit: 143),
      Course(scheduler: "lsf", code: 75, exit: 75),
    ]

    @Test(
      "a signal saves and stops the run, and only a stop before the limit is queued again",
      arguments: courses)
    func courseOfScript(course: Course) throws {
      let folder = try TemporaryDirectory()
      let text = try script(
        ["--scheduler", course.scheduler, "--name", "r8", "--time", "4:00:00"], Job.small,
        in: folder.path)
      try text.write(toFile: folder.file("script"), atomically: true, encoding: .utf8)
      // Stand-ins: a run that stops when it is asked to, and commands that are written down.
      let standIns = """
        mpirun() {
          trap 'exit 75' USR1
          echo "$@" >arguments; touch started
          for ((i = 0; i < 600 && waits; i++)); do sleep 0.1; done
          return \(course.code)
        }
        scontrol() { echo "scontrol $*" >>calls; }
        qsub() { echo "qsub $*" >>calls; }
        export -f mpirun scontrol qsub
        """.replacing("waits", with: course.signal == nil ? "0" : "1")
      let driver = """
        \(standIns)
        bash script & job=$!
        \(course.signal.map { "until [ -e started ]; do sleep 0.05; done; sleep 0.3; kill -\($0) $job" } ?? "")
        wait $job; code=$?
        [ ! -e calls ] || cat calls
        exit $code
        """
      let outcome = try ProcessRunner.run(
        "/usr/bin/env",
        [
          "SLURM_JOB_ID=41", "PBS_O_WORKDIR=\(folder.path)", "PBS_NODEFILE=nodes",
          "LSB_DJOB_HOSTFILE=nodes",
        ] + course.variables + ["bash", "-c", driver], directory: folder.path, timeout: Job.patience
      )
      #expect(outcome.exitCode == course.exit && !outcome.timedOut, "\(outcome)")
      #expect(
        outcome.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines) == course.calls,
        "\(outcome)")
      let started = try String(contentsOfFile: folder.file("arguments"), encoding: .utf8)
      #expect(started.contains("--map-by ppr:1:node:PE=1 --bind-to core"), "\(started)")
      #expect(started.contains("resnet-dist --dataset synthetic"), "\(started)")
      #expect(started.contains("--run-dir runs/r8 --resume auto --threads 1"), "\(started)")
    }

    private static let timeout = "OMPI_MCA_odls_base_sigkill_timeout"

    /// A script that looks after its mpirun more often, and for 1 second instead of 30 beyond what mpirun itself waits.
    private func hasty(_ script: String) -> String {
      #expect(script.contains("\nexport \(Self.timeout)=\"${\(Self.timeout):-30}\"\n"))
      #expect(script.contains("\npatience=$((2 * \(Self.timeout) + 30))\n"))
      #expect(script.contains("sleep 5 "))
      return script.replacing("sleep 5 ", with: "sleep 0.2 ").replacing("+ 30))", with: "+ 1))")
    }

    @Test(
      "an mpirun that waits after a stop, as it was told to, is left alone: the job is queued again"
    )
    func waitingLauncher() throws {
      let folder = try TemporaryDirectory()
      let text = try script(["--scheduler", "slurm"], Job.small, in: folder.path)
      try hasty(text).write(toFile: folder.file("script"), atomically: true, encoding: .utf8)
      let outcome = try ProcessRunner.run(
        "/usr/bin/env",
        [
          "SLURM_JOB_ID=41", "\(Self.timeout)=2", "bash", "-c",
          """
          mkfifo pipe
          mpirun() { exec 3<>pipe; read -r -t 3 -u 3; return 75; }
          scontrol() { echo "scontrol $*"; }
          export -f mpirun scontrol; bash script
          """,
        ], directory: folder.path, timeout: Job.patience)
      #expect(outcome.exitCode == 75 && !outcome.timedOut, "\(outcome)")
      #expect(outcome.standardOutput == "scontrol requeue 41\n", "\(outcome)")
    }

    @Test("an mpirun that hangs without ranks is ended, and one that waits for its ranks is not")
    func hungLauncher() throws {
      let folder = try TemporaryDirectory()
      let text = try script(["--scheduler", "slurm"], Job.small, in: folder.path)
      try hasty(text).write(toFile: folder.file("script"), atomically: true, encoding: .utf8)
      // One that waits for what never comes, without a process below it, and one that has one.
      for (body, code) in [("exec 3<>pipe; read -r -u 3", 137), ("sleep 4; return 3", 3)] {
        let outcome = try ProcessRunner.run(
          "/usr/bin/env",
          [
            "SLURM_JOB_ID=41", "\(Self.timeout)=0", "bash", "-c",
            "[ -e pipe ] || mkfifo pipe; mpirun() { \(body); }; export -f mpirun; bash script",
          ], directory: folder.path, timeout: Job.patience)
        #expect(outcome.exitCode == code && !outcome.timedOut, "\(outcome)")
        #expect(outcome.standardError.contains("mpirun hangs") == (code == 137), "\(outcome)")
      }
    }

    @Test(
      "the runs of a sweep are elements of an array, which are queued again by their own number")
    func sweep() throws {
      let folder = try TemporaryDirectory()
      try "base: {dataset: synthetic, model: resnet8}\nseeds: [1, 2, 3]\n".write(
        toFile: folder.file("table.yaml"), atomically: true, encoding: .utf8)
      let text = try script(["--scheduler", "slurm"], ["sweep", "table.yaml"], in: folder.path)
      #expect(text.contains("\n#SBATCH --array=1-3\n"))
      #expect(text.contains(" sweep table.yaml --job \"$SLURM_ARRAY_TASK_ID\" &\n"))
      // The array's own number would restart all of it.
      #expect(text.contains("scontrol requeue \"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\"\n"))
      let lsf = try script(["--scheduler", "lsf"], ["sweep", "table.yaml"], in: folder.path)
      #expect(lsf.contains("\n#BSUB -J \"resnet-dist[1-3]\"\n"))
      let one = try script(
        ["--scheduler", "slurm"], ["sweep", "table.yaml", "--job", "2"], in: folder.path)
      #expect(!one.contains("array"))
    }

    @Test("words reach the run as they were given")
    func quoting() throws {
      let folder = try TemporaryDirectory()
      let odd = "it's $HOME; a \"b\""
      let text = try script(
        ["--scheduler", "slurm"], Job.small + ["--run-dir", odd], in: folder.path)
      try text.write(toFile: folder.file("script"), atomically: true, encoding: .utf8)
      let outcome = try ProcessRunner.run(
        "/usr/bin/env",
        [
          "SLURM_JOB_ID=41", "bash", "-c",
          "mpirun() { printf '%s\\n' \"$@\"; }; export -f mpirun; bash script",
        ], directory: folder.path, timeout: Job.patience)
      #expect(outcome.standardOutput.split(separator: "\n").contains(Substring(odd)), "\(outcome)")
    }

    @Test("scripts and launch/environment agree on when a silent node is given up")
    func keepAlive() throws {
      let environment = try String(
        contentsOfFile: "\(Job.root)/launch/environment", encoding: .utf8)
      let text = try script(["--scheduler", "slurm"], Job.small, in: "/")
      for name in ["time", "intvl", "probes"] {
        let variable = "OMPI_MCA_oob_tcp_keepalive_\(name)"
        let pattern = try Regex<(Substring, Substring)>("\(variable):-([0-9]+)\\}")
        let value = try #require(environment.firstMatch(of: pattern)).1
        #expect(text.contains("\nexport \(variable)=\(value)\n"))
      }
    }

    /// Arguments, and what the message must name.
    static let wrong: [([String], [String])] = [
      (["--scheduler", "sge"], ["sge", "slurm"]),
      (["--scheduler", "slurm", "--nodes", "0"], ["--nodes 0", "from 1"]),
      (["--scheduler", "slurm", "--time", "4"], ["--time 4", "4:00:00"]),
      (["--scheduler", "slurm", "--name", "a b"], ["--name a b"]),
      (["--scheduler", "slurm", "--queue", "a;b"], ["--queue a;b"]),
      (["--scheduler", "slurm", "--memory", "lots"], ["--memory lots", "64G"]),
      (["--scheduler", "lsf", "--memory", "64G"], ["--memory", "#BSUB"]),
      (["--scheduler", "pbs", "--launcher", "srun"], ["--launcher srun", "pbs"]),
      (["--scheduler", "kubernetes"], ["--container", "Dockerfile"]),
      (
        ["--scheduler", "kubernetes", "--container", "i", "--time", "2h"], ["--time", "kubernetes"]
      ),
      (["--scheduler", "kubernetes", "--container", "i", "--name", "R50"], ["--name R50"]),
      (["--scheduler", "slurm", "--", "--modle", "resnet20"], ["after --", "--modle", "--model"]),
      (["--scheduler", "slurm", "--", "--lr", "fast"], ["--lr fast"]),
      (["--scheduler", "slurm", "--", "eval"], ["after --"]),
      (["--scheduler", "slurm", "--", "sweep", "none.yaml"], ["none.yaml"]),
      (
        ["--scheduler", "slurm", "--ranks-per-node", "4", "--", "--shards", "2"],
        ["4 ranks", "2 logical shards", "--shards 4"]
      ),
      (
        ["--scheduler", "slurm", "--ranks-per-node", "4", "--threads", "4"],
        ["4 threads", "8 logical shards", "--shards 16"]
      ),
    ]

    @Test("what cannot be a job is named once", arguments: wrong)
    func wrongArguments(arguments: [String], words: [String]) throws {
      let outcome = try Job.alone(["job"] + arguments)
      expectFailure(outcome, exitCode: 2, naming: words)
      #expect(outcome.standardOutput.isEmpty, "\(outcome)")
    }
  }
}
