/// The script of an LSF job.

extension JobRequest {
  var lsfScript: [String] {
    var text = CommentedLines(
      ["#!/bin/bash"]
        + heading("LSF job", submit: Self.relativePaths("bsub < FILE")))
    let options = Directives("#BSUB")

    text.addParagraph(
      division,
      lines: options(
        "-J \"\(name)\(arrayLength.map { "[1-\($0)]" } ?? "")\"", "-n \(ranks)",
        "-R \"span[ptile=\(ranksPerNode)] affinity[core(\(threads))]\""))
    let limits = options(
      seconds.map { "-W \(($0 + 59) / 60)" }, queue.map { "-q \($0)" },
      account.map { "-P \($0)" })
    if !limits.isEmpty { text.add("Limits (minutes), and where it may run.", lines: limits) }
    text.add(
      "SIGUSR1 is sent this many minutes before the limit.",
      lines: options("-wa USR1", "-wt \(secondsToSave / 60)"))
    text.add(
      "Queued again after exit code 75, which means stopped and saved, and when a node fails.",
      lines: options("-Q \"75\"", "-r"))
    text.add(
      "A restarted job continues the same log.",
      lines: options(arrayLength == nil ? "-o \(name)-%J.out" : "-o \(name)-%J_%I.out"))

    text.addParagraph(
      "Whatever your cluster needs for mpirun belongs here, such as: module load openmpi", lines: []
    )
    addEnvironment(to: &text)
    text.add(
      "Ranks on other nodes are started by LSF, which then counts and ends them.",
      lines: ["export OMPI_MCA_plm_rsh_agent=blaunch"])
    let added = arrayLength == nil ? [] : ["--job", "\"$LSB_JOBINDEX\""]
    addRun(
      mpirun("--hostfile \"$LSB_DJOB_HOSTFILE\"") + " " + program(added: added),
      endedBy: "TERM INT", to: &text)
    text.addParagraph(
      "A job that was killed (bkill) is not queued again, whatever its run could save.",
      lines: ["if [ \"$ended\" = yes ]; then exit 143; fi", "exit \"$code\""])
    return text.lines
  }
}
