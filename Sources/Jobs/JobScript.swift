/// What the scripts of all schedulers share: their first lines, MPI's settings, and a run that is asked to save and
/// stop instead of being killed.

import Settings

extension JobRequest {
  /// Comments that say what the script is, how it was made and how it is used.
  func heading(_ title: String, submit: String) -> [String] {
    [
      "# \(title), made by:", "#   \(ownCommand.flags) \\", "#       -- \(ownCommand.arguments)",
      "#", "# \(submit)",
    ]
  }

  /// How a script is submitted whose paths begin where that is done.
  static func relativePaths(_ command: String) -> String {
    "Paths are relative to the folder from which it is submitted: \(command)"
  }

  /// The command line that makes this request.
  private var ownCommand: (flags: String, arguments: String) {
    var words = [
      "resnet-dist", "job", "--scheduler", scheduler.rawValue, "--nodes", "\(nodes)",
      "--ranks-per-node", "\(ranksPerNode)", "--threads", "\(threads)", "--name", name,
    ]
    let optional = [
      ("--time", seconds.map { TimeText.text($0) }), ("--queue", queue), ("--account", account),
      ("--memory", memory), ("--launcher", launcher == .mpirun ? nil : launcher.rawValue),
      ("--container", container),
    ]
    for (flag, value) in optional { if let value { words += [flag, value] } }
    return (Self.line(words), Self.line(given))
  }

  static func line(_ words: [String]) -> String {
    words.map(ShellWord.quoted).joined(separator: " ")
  }

  /// How the work is divided.
  var division: String {
    "Nodes × ranks of each × cores of each rank: \(nodes) × \(ranksPerNode) × \(threads). Each thread has a core."
  }

  /// Seconds before the limit in which a run stops, saves and leaves: five minutes, in short jobs two.
  package var secondsToSave: Int { seconds.map { max(120, min(300, $0 / 8)) } ?? 300 }

  /// The program and its arguments as the shell runs them.
  ///
  /// - Parameter added: words that the shell still expands.
  func program(added: [String] = []) -> String {
    // A pod is in its container already.
    let container = scheduler == .kubernetes ? nil : container
    let words = (container.map { ["apptainer", "exec", $0] } ?? []) + ["resnet-dist"] + arguments
    return ([Self.line(words)] + added).joined(separator: " ")
  }

  /// `mpirun` with a place for each rank.
  ///
  /// - Parameter options: of this scheduler.
  func mpirun(_ options: String...) -> String {
    let words = ["mpirun", "-n", "\(ranks)"] + options
    return (words + ["--map-by", "ppr:\(ranksPerNode):node:PE=\(threads)", "--bind-to", "core"])
      .joined(separator: " ")
  }

  /// Settings of Open MPI's mpirun.
  func addEnvironment(to text: inout CommentedLines) {
    let variable = Self.killTimeoutVariable
    text.addParagraph(
      "Where all processes get SIGTERM, ranks have \(Self.killTimeout) seconds for a last step and a checkpoint;",
      "Open MPI gives them one. mpirun also waits twice as long after a rank that stopped or failed.",
      lines: ["export \(variable)=\"${\(variable):-\(Self.killTimeout)}\""])
    text.add(
      "A node that is lost without a word ends the job within 20 seconds; without this it takes minutes.",
      lines: Self.keepAlive.map { "export OMPI_MCA_oob_tcp_keepalive_\($0)=\($1)" })
  }

  private static let killTimeoutVariable = "OMPI_MCA_odls_base_sigkill_timeout"
  /// As long as Slurm waits by default before it kills.
  private static let killTimeout = 30
  /// Seconds until a silent connection is tried, between trials, and how many fail before it is given up.
  static let keepAlive = [("time", 10), ("intvl", 3), ("probes", 3)]

  /// Starts `command` in the background and waits for it; its exit code is in `$code` then.
  ///
  /// - Parameter ends: signals with which the scheduler or the user ends the job, which `$ended` says then; nil:
  ///   nobody asks.
  func addRun(_ command: String, endedBy ends: String?, to text: inout CommentedLines) {
    text.addParagraph(
      "In the background, because bash handles a signal only while it waits.",
      lines: ["\(command) &", "job=$!"])
    if launcher == .mpirun { addWatch(to: &text) }
    text.addParagraph(
      "A signal becomes SIGUSR1, which reaches all ranks at once and has no deadline: they stop after the same",
      "step, save, and exit with 75.",
      lines: ends.map {
        [
          "ended=no", "trap 'kill -USR1 \"$job\"' USR1",
          "trap 'ended=yes; kill -USR1 \"$job\"' \($0)",
        ]
      } ?? ["trap 'kill -USR1 \"$job\"' USR1 TERM"])
    text.add(
      "A signal also interrupts wait: it is over when the job is gone.",
      lines: [
        "code=0", "while :; do", "  wait \"$job\"", "  code=$?",
        "  kill -0 \"$job\" 2>/dev/null || break", "done",
      ])
    text.add(
      "If the signal came with the job's end, its own exit code is still to be had.",
      lines: ["wait \"$job\" 2>/dev/null", "own=$?", "[ \"$own\" = 127 ] || code=$own"])
    if launcher == .mpirun { text.add(lines: ["kill \"$watch\" 2>/dev/null"]) }
  }

  /// Ends an `mpirun` that hangs, so that it does not keep the nodes until the limit, and not one that only waits after
  /// a stop, whose exit code is needed; see `resnet_dist_end_hung` in launch/environment.
  private func addWatch(to text: inout CommentedLines) {
    text.addParagraph(
      "Open MPI's mpirun may hang after a rank was killed: \(Self.hungAfter) seconds after it should have left, it is ended.",
      lines: [
        "patience=$((2 * \(Self.killTimeoutVariable) + \(Self.hungAfter)))",
        "(", "  seen=$SECONDS",
        "  while sleep 5 >/dev/null 2>&1 && [ -r \"/proc/$job/task/$job/children\" ]; do",
        "    children=()",
        "    read -r -a children <\"/proc/$job/task/$job/children\" 2>/dev/null",
        "    for child in \"${children[@]}\"; do",
        "      if grep -qs '^State:[[:space:]]*[^ZX[:space:]]' \"/proc/$child/status\"; then seen=$SECONDS; fi",
        "    done",
        "    if [ $((SECONDS - seen)) -ge \"$patience\" ]; then",
        "      echo \"mpirun hangs, although its ranks are gone: it is ended\" >&2",
        "      kill -KILL \"$job\"", "      break", "    fi", "  done", ") &", "watch=$!",
      ])
  }

  /// Seconds for which an `mpirun` may have no living child, after those for which it waits itself.
  private static let hungAfter = 30

  /// Times that a job queues itself again, so that one that never gets on does not do so for ever.
  static let mostRestarts = 200
}
