/// The script of a Slurm job.

import Settings

extension JobRequest {
  var slurmScript: [String] {
    var text = CommentedLines(
      ["#!/bin/bash"]
        + heading("Slurm job", submit: Self.relativePaths("sbatch FILE")))
    let options = Directives("#SBATCH")

    text.addParagraph(
      division,
      lines: options(
        "--job-name=\(name)", "--nodes=\(nodes)", "--ntasks-per-node=\(ranksPerNode)",
        "--cpus-per-task=\(threads)"))
    text.add(
      "Slurm counts hyper-threads as CPUs otherwise; two of them share the units that compute.",
      lines: options("--hint=nomultithread"))
    let limits = options(
      seconds.map { "--time=\(TimeText.text($0))" }, memory.map { "--mem=\($0)" },
      queue.map { "--partition=\($0)" }, account.map { "--account=\($0)" })
    if !limits.isEmpty { text.add("Limits, and where it may run.", lines: limits) }
    if let arrayLength {
      text.add(
        "A job for each run of the sweep; --list shows their names.",
        lines: options("--array=1-\(arrayLength)"))
    }
    text.add(
      "The script gets SIGUSR1 this many seconds before the limit (Slurm may send it a minute earlier).",
      lines: options("--signal=B:USR1@\(secondsToSave)"))
    text.add(
      "Preempted jobs and those of failed nodes are queued again, and this script may do so, too.",
      lines: options("--requeue"))
    text.add(
      "A restarted job continues the same log.",
      lines: options(
        "--open-mode=append", arrayLength == nil ? "--output=%x-%j.out" : "--output=%x-%A_%a.out"))

    text.addParagraph(
      "Whatever your cluster needs for \(launcher.rawValue)"
        + (container == nil ? " and resnet-dist" : " and apptainer")
        + " belongs here, such as: module load openmpi", lines: [])
    if launcher == .mpirun { addEnvironment(to: &text) }
    let launch =
      switch launcher {
      case .mpirun: mpirun()
      // Since Slurm 22.05 srun does not take the job's cores a task.
      case .srun: "srun --mpi=pmix --cpus-per-task=\(threads) --cpu-bind=cores"
      }
    let added = arrayLength == nil ? [] : ["--job", "\"$SLURM_ARRAY_TASK_ID\""]
    addRun("\(launch) \(program(added: added))", endedBy: "TERM", to: &text)
    // The last element of an array has the array's own job ID.
    let identifier =
      arrayLength == nil ? "$SLURM_JOB_ID" : "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
    text.addParagraph(
      "Stopped before the limit: queue it again. Slurm itself requeues a preempted job; a cancelled one stays so.",
      lines: [
        "if [ \"$code\" = 75 ] && [ \"$ended\" = no ] && "
          + "[ \"${SLURM_RESTART_COUNT:-0}\" -lt \(Self.mostRestarts) ]; then",
        "  scontrol requeue \"\(identifier)\"", "fi", "exit \"$code\"",
      ])
    return text.lines
  }
}
