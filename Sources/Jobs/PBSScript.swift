/// The script of a PBS job (OpenPBS, PBS Professional).

import Settings

extension JobRequest {
  var pbsScript: [String] {
    let file = "\(name).pbs"
    var text = CommentedLines(
      ["#!/bin/bash"]
        + heading(
          "PBS job", submit: "Save it as \(file) where relative paths lead, and there: qsub \(file)"
        ))
    let options = Directives("#PBS")

    text.addParagraph(
      division,
      lines: options(
        "-N \(name)",
        "-l select=\(nodes):ncpus=\(ranksPerNode * threads):mpiprocs=\(ranksPerNode)"
          + (memory.map { ":mem=\($0.lowercased())b" } ?? "")))
    text.add("Each part on a node of its own.", lines: options("-l place=scatter"))
    let limits = options(
      seconds.map { "-l walltime=\(TimeText.text($0))" }, queue.map { "-q \($0)" },
      account.map { "-A \($0)" })
    if !limits.isEmpty { text.add("Limits, and where it may run.", lines: limits) }
    text.add("PBS starts it again when a node fails: the run resumes.", lines: options("-r y"))
    text.add("One log of output and errors.", lines: options("-j oe"))
    text.add("PATH and other variables as they are now.", lines: options("-V"))

    text.addParagraph(
      "PBS starts a script in the home folder.",
      lines: ["cd \"$PBS_O_WORKDIR\" || exit 1"])
    text.addParagraph(
      "Whatever your cluster needs for mpirun belongs here, such as: module load openmpi", lines: []
    )
    addEnvironment(to: &text)
    // PBS sends no signal before the limit, so that the run keeps it by itself.
    let hasLimit = arguments.contains { $0 == "--max-time" || $0.hasPrefix("--max-time=") }
    let isSweep = arguments.first == "sweep"
    let limit =
      hasLimit || isSweep ? nil : seconds.map { ["--max-time", TimeText.text($0 - secondsToSave)] }
    addRun(
      mpirun("--hostfile \"$PBS_NODEFILE\"") + " " + program(added: limit ?? []),
      endedBy: "TERM", to: &text)
    text.addParagraph(
      "Stopped before the limit: the next job continues. One that was deleted has no successor.",
      lines: [
        "restarts=\"${RESNET_DIST_RESTARTS:-0}\"",
        "if [ \"$code\" = 75 ] && [ \"$ended\" = no ] && [ \"$restarts\" -lt \(Self.mostRestarts) ]; then",
        "  qsub -v \"RESNET_DIST_RESTARTS=$((restarts + 1))\" \(file)", "fi", "exit \"$code\"",
      ])
    return text.lines
  }
}
